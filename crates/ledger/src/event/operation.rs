//! What happens to the organisation's doors and to the domains that it writes to.

macro_rules! operation {
    ($families:tt $($before:tt)*) => { gather! { $families $($before)*
    /// A login of submission was made, or its secret replaced.
    CredentialMade = "credential_made" {
        /// The login.
        login: String,
        /// The sender addresses that it may use.
        senders: Vec<String>,
        /// Who did it.
        by: String,
    }
    /// A login of submission was ended.
    CredentialRevoked = "credential_revoked" {
        /// The login.
        login: String,
        /// Who did it.
        by: String,
    }
    /// A domain's mail servers protect mail less than they did.
    PostureFell = "posture_fell" {
        /// The domain.
        domain: Domain,
        /// What noticed it: `watch`, `delivery`.
        noticed_by: String,
        /// What is worse than it was, and why.
        because: Vec<String>,
    }
    /// A domain's mail servers protect mail as well as they did before they fell.
    PostureRecovered = "posture_recovered" {
        /// The domain.
        domain: Domain,
        /// What noticed it: `watch`, `delivery`.
        noticed_by: String,
        /// How they stand.
        because: Vec<String>,
    }
    /// An authority issued the certificate of the listeners.
    CertificateIssued = "certificate_issued" {
        /// The names that it bears.
        names: Vec<Domain>,
        /// Who issued it.
        issuer: String,
        /// SHA-256 of it, in hexadecimal.
        sha256: String,
        /// Until when it is valid.
        ends_at: Timestamp,
    }
    /// A certificate was ordered and not had; the one before stays.
    CertificateFailed = "certificate_failed" {
        /// The names that it was to bear.
        names: Vec<Domain>,
        /// Why.
        because: String,
    }
    /// An API key was made.
    ApiKeyMade = "api_key_made" {
        /// The key.
        key: ApiKeyId,
        /// What its owner calls it.
        name: String,
        /// What it may be used for.
        scopes: Vec<String>,
        /// The sender addresses that it may use.
        senders: Vec<String>,
        /// Whether it is for tests.
        test: bool,
        /// Who did it.
        by: String,
    }
    /// An API key was ended.
    ApiKeyRevoked = "api_key_revoked" {
        /// The key.
        key: ApiKeyId,
        /// Who did it.
        by: String,
    }
    /// A secret that a mail system shows was made or retired.
    ConnectorSecret = "connector_secret" {
        /// The connector.
        connector: String,
        /// What was done: `made`, `retired`.
        what: String,
        /// Who did it.
        by: String,
    }
    } };
}

pub(super) use operation;
