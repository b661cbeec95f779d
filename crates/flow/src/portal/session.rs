//! A visitor's session: an opaque token for one link, kept as a hash in the
//! link's sealed state, so that any node knows it and none can make one up.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use mail::Entropy;
use mail::seam::random;
use serde::{Deserialize, Serialize};

/// A session ends when nobody has used it for this long (SAFETY: shared devices).
pub(super) const IDLE_MAX: SignedDuration = SignedDuration::from_mins(15);
/// A session ends after this long, used or not.
pub(super) const AGE_MAX: SignedDuration = SignedDuration::from_hours(12);
/// Use is written down at most this often, so that reading a page is not a write a part.
pub(super) const TOUCH_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Clocks of two nodes differ a little; what was made further in the future
/// than this was made before the clock was set back, and no longer counts.
pub(super) const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(2);

/// What the browser's cookie holds: 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken([u8; 32]);

impl SessionToken {
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        Self(random(entropy))
    }

    /// Reads what a cookie holds.
    pub fn read(text: &str) -> Option<Self> {
        BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// What to put into a cookie: 43 characters that need no quoting.
    pub fn text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The key of what counts for this session only.
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, &self.0).as_ref());
        hash
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// What the state keeps of a session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    hash: [u8; 32],
    /// Whether everything that this link asks for was met; a right code alone may not be all.
    pub(super) open: bool,
    /// Whether its code was sent over verified TLS only.
    #[serde(default)]
    pub(super) verified: bool,
    since: Timestamp,
    seen: Timestamp,
}

impl Session {
    pub(super) fn new(token: &SessionToken, open: bool, verified: bool, now: Timestamp) -> Self {
        Self { hash: token.hash(), open, verified, since: now, seen: now }
    }

    pub(super) fn is_of(&self, token: &SessionToken) -> bool {
        constant_time::verify_slices_are_equal(&self.hash, &token.hash()).is_ok()
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        let idle = now.duration_since(self.seen);
        idle < IDLE_MAX && idle > -CLOCK_SLACK && now.duration_since(self.since) < AGE_MAX
    }

    pub(super) fn wants_touch(&self, now: Timestamp) -> bool {
        now.duration_since(self.seen) >= TOUCH_EVERY
    }

    pub(super) fn touch(&mut self, now: Timestamp) {
        self.seen = self.seen.max(now);
    }
}
