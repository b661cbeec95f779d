//! What the store promises, on every engine.

mod accept;
mod acme;
mod child;
mod classes;
mod crash;
mod damage;
mod engines;
mod group;
mod journal;
mod keys;
mod lanes;
mod make;
mod nodes;
mod once;
mod opening;
mod org;
mod portal;
mod power;
mod queue;
mod recalled;
mod recipient_keys;
mod reports;
mod schema;
mod sts;
mod suppressions;
mod watch;
