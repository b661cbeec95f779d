//! The judgement of a client's certificate: whether a mail server that
//! connects is the one whose name it shows.

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use super::anchors::Anchors;

impl Anchors {
    /// Whether this chain of a client leads to one of these anchors and is for
    /// `name`. A certificate for servers will do: mail servers show the one
    /// that they have, and public authorities no longer issue any for clients.
    pub fn vouch_for_client(&self, chain: &[CertificateDer<'_>], name: &str, now: UnixTime) -> bool {
        let usages = [KeyUsage::client_auth(), KeyUsage::server_auth()];
        usages.into_iter().any(|usage| self.verify_client(chain, name, usage, now).is_ok())
    }

    fn verify_client(
        &self,
        chain: &[CertificateDer<'_>],
        name: &str,
        usage: KeyUsage,
        now: UnixTime,
    ) -> Result<(), Error> {
        let (leaf, intermediates) = chain.split_first().ok_or(Error::BadDer)?;
        let leaf = EndEntityCert::try_from(leaf)?;
        let name = ServerName::try_from(name).map_err(|_| Error::BadDer)?;
        leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, self.all(), intermediates, now, usage, None, None)?;
        leaf.verify_is_valid_for_subject_name(&name)
    }
}
