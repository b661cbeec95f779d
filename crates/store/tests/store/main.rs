//! What the store promises, on every engine.

mod accept;
mod classes;
mod damage;
mod engines;
mod group;
mod journal;
mod keys;
mod make;
mod opening;
mod org;
mod portal;
mod queue;
