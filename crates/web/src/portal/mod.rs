//! The recipient's pages: from the link in a notice to the message.
//!
//! Server-rendered, without JavaScript. `GET /m/{id}` is inert, always; a
//! `POST` sends a code and never opens a message by itself.

use std::sync::Arc;

use axum::Router;
use flow::portal::{Clinic, Portal};
use mail::{Clock, Domain};

/// Where and for whom the pages are.
#[derive(Debug, Clone)]
pub struct Site {
    /// `https://portal.example`, without a slash at the end.
    pub origin: String,
    /// Who speaks.
    pub clinic: Clinic,
    /// The domains that the clinic's mail comes from, for `/verify`.
    pub sender_domains: Vec<Domain>,
    /// The clinic's colour, if it has one.
    pub accent: Option<Accent>,
}

/// A colour for buttons and links, dark enough to read on white.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent(pub [u8; 3]);

/// The routes of the portal.
pub fn router(site: Site, portal: Arc<Portal>, clock: Arc<dyn Clock>) -> Router {
    let _ = (site, portal, clock);
    Router::new()
}
