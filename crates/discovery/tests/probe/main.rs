//! Probes of real servers: Postfix with certificates of every kind, in signed
//! zones of every kind; and servers that say what no honest one would.

mod anchors;
mod hosts;
mod scripted;
mod world;
