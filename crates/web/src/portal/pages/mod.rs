//! The pages' markup. Every word comes from the Fluent files; no template
//! holds text, script or style.

pub(super) mod ends;
pub(super) mod entry;
pub(super) mod frame;
pub(super) mod inspect;
pub(super) mod judging;
pub(super) mod keys;
pub(super) mod message;
pub(super) mod published;
pub(super) mod reply;
pub(super) mod unsubscribing;
pub(super) mod verify;

#[cfg(test)]
mod tests;
