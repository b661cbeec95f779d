//! The library's requests, carried by the fetcher.

use std::pin::Pin;
use std::sync::Arc;

use discovery::fetch::{Fetcher, Url};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::authority::BOUNDS;

pub(crate) struct Carried(pub Arc<Fetcher>);

impl HttpClient for Carried {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let fetcher = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(never) => match never {},
            };
            let url = Url::parse(&parts.uri.to_string()).map_err(|error| Error::Other(Box::new(error)))?;
            let response = fetcher.send(&url, Request::from_parts(parts, body), BOUNDS).await;
            Ok(BytesResponse::from(response.map_err(|error| Error::Other(Box::new(error)))?.map(Full::new)))
        })
    }
}
