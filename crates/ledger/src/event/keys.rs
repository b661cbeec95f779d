//! What happens to keys: recipients', and the organisation's own.

macro_rules! keys {
    ($families:tt $($before:tt)*) => { gather! { $families $($before)*
    /// A recipient's key became known, and may be used.
    KeyLearned = "key_learned" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who or what brought it.
        by: String,
    }
    /// A recipient's key became known, and is held back.
    KeyHeld = "key_held" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who or what brought it.
        by: String,
        /// Why it is held back.
        because: String,
    }
    /// More became known of a key: a later end, a revocation, another source.
    KeyUpdated = "key_updated" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who or what brought it.
        by: String,
    }
    /// A key that was held back, or rejected, may be used.
    KeyAccepted = "key_accepted" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who said so, or which rule.
        by: String,
    }
    /// A key is used no more, because a newer one took its place.
    KeyReplaced = "key_replaced" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// The key that took its place.
        with: RecipientKeyId,
    }
    /// A person said that a key must not be used.
    KeyRejected = "key_rejected" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who said so.
        by: String,
    }
    /// A recipient took back a key that nobody else stands for: it is used no
    /// more, and does not come back by itself.
    KeyWithdrawn = "key_withdrawn" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who did it.
        by: String,
    }
    /// A recipient wants a key used no more that others stand for: a person is
    /// to decide.
    KeyUnwanted = "key_unwanted" {
        /// Whose it is.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who asked.
        by: String,
    }
    /// A key was removed.
    KeyRemoved = "key_removed" {
        /// Whose it was.
        recipient: Address,
        /// The key.
        key: KeyNamed,
        /// Who did it.
        by: String,
    }
    /// A recipient offers a key at the portal: a code was sealed to it, and sent.
    KeyOffered = "key_offered" {
        /// Whose it is.
        recipient: Address,
        /// Its fingerprint.
        fingerprint: String,
        /// The visitor's address.
        peer: Option<IpAddr>,
    }
    /// A wrong code was entered for a key that was offered.
    KeyProofWrong = "key_proof_wrong" {
        /// Whose it is.
        recipient: Address,
        /// The visitor's address.
        peer: Option<IpAddr>,
    }
    /// The code that was sealed to an offered key was entered.
    KeyProven = "key_proven" {
        /// Whose it is.
        recipient: Address,
        /// Its fingerprint.
        fingerprint: String,
        /// The visitor's address.
        peer: Option<IpAddr>,
    }
    /// A key of the organisation's own was made, imported or renewed.
    OrgKeyMade = "org_key_made" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// For whom: addresses and domains.
        owners: Vec<String>,
        /// What was done: `generated`, `imported`, `renewed`.
        how: String,
        /// Who did it.
        by: String,
    }
    /// A key of the organisation's own signs no more; it still opens.
    OrgKeyRetired = "org_key_retired" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// Who did it, or the key that took its place.
        by: String,
    }
    /// The public part of a key of the organisation's own was published.
    OrgKeyPublished = "org_key_published" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// Who did it.
        by: String,
    }
    /// The public part of a key of the organisation's own is no longer published.
    OrgKeyWithdrawn = "org_key_withdrawn" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// Who did it.
        by: String,
    }
    /// A key of the organisation's own ends soon.
    OrgKeyExpiring = "org_key_expiring" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// When it ends.
        ends_at: Timestamp,
    }
    /// A key of the organisation's own was revoked.
    OrgKeyRevoked = "org_key_revoked" {
        /// The key.
        key: OrgKeyId,
        /// Its fingerprint.
        fingerprint: String,
        /// Why.
        because: String,
        /// Who did it.
        by: String,
    }
    } };
}

pub(super) use keys;
