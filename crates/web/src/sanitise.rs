//! Mail HTML made harmless.
