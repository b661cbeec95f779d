//! The last form of a message before the wire: opened, encoded as the peer can
//! take it, then signed with DKIM. Nothing touches it after that.

use std::borrow::Cow;

use jiff::Timestamp;
use mail::{Address, ReversePath, sevenbit};
use seal::{ArcSet, DkimKey, Kind, Parcel};
use transport::{PeerFeatures, Wire, WireError};

use crate::unsubscribe::Fields;

/// A parcel with what is needed to put it on the wire.
pub struct OpenParcel<'a> {
    /// The parcel.
    pub parcel: &'a Parcel,
    /// The stored original; empty for a parcel that does without.
    pub stored: Vec<u8>,
    /// The copy where it is sealed end to end, below the fields by which it is
    /// known again: a large one is not copied once more.
    pub sealed: Option<Vec<u8>>,
    /// The reverse path of the message.
    pub sender: ReversePath,
    /// ENVID of the message.
    pub envid: Option<String>,
    /// The reverse path of this copy instead, to which its bounces come.
    pub return_path: Option<Address>,
    /// Whole fields, each with its CRLF, by which a copy that is not sealed is
    /// known again, and those of its stream.
    pub passages: String,
    /// What its stream writes and takes out.
    pub list: Fields,
    /// The key that signs for the author's domain.
    pub dkim: Option<&'a DkimKey>,
    /// What is sealed of where an inbound message comes from, and the key.
    pub arc: Option<(&'a DkimKey, ArcSet<'a>)>,
    /// The present time.
    pub now: Timestamp,
}

impl OpenParcel<'_> {
    fn opened(&self) -> Result<Cow<'_, [u8]>, WireError> {
        if let Some(sealed) = &self.sealed {
            return Ok(Cow::Borrowed(sealed));
        }
        let opened = self.parcel.open(&self.stored, None).map_err(|_| WireError::Unsendable)?;
        let mut bytes = self.passages.clone().into_bytes();
        bytes.extend_from_slice(&self.list.replace_in(&opened.bytes));
        Ok(Cow::Owned(bytes))
    }
}

impl Wire for OpenParcel<'_> {
    fn sender(&self) -> ReversePath {
        match self.parcel.kind() {
            Kind::Content => match &self.return_path {
                Some(own) => ReversePath(Some(own.clone())),
                None => self.sender.clone(),
            },
            // Of a notice that is lost later nobody else would tell the sender.
            Kind::Notice => ReversePath(self.return_path.clone()),
            // A word about a word would go round for ever (RFC 5321 §6.1).
            Kind::Code | Kind::Dsn => ReversePath(None),
        }
    }

    fn envid(&self) -> Option<String> {
        self.envid.clone().filter(|_| self.parcel.kind() == Kind::Content)
    }

    fn bytes(&self, peer: PeerFeatures) -> Result<Vec<u8>, WireError> {
        let opened = self.opened()?;
        if !peer.smtputf8 && !mail::header::split(&opened).header.is_ascii() {
            return Err(WireError::NeedsSmtputf8);
        }
        let encoded = match peer.eightbit {
            true => opened,
            false => Cow::Owned(sevenbit::encode(&opened).map_err(|_| WireError::NeedsSmtputf8)?),
        };
        let signed = match (self.dkim, &self.arc) {
            (Some(key), _) => [key.sign(&encoded, self.now).as_bytes(), &encoded].concat(),
            (None, Some((key, set))) => {
                let set = key.seal(&encoded, set, self.now).unwrap_or_default();
                [set.as_bytes(), &encoded].concat()
            }
            (None, None) => encoded.into_owned(),
        };
        match peer.size_max {
            Some(max) if signed.len() as u64 > max => Err(WireError::TooLarge),
            _ => Ok(signed),
        }
    }
}
