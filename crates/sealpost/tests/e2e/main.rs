//! End to end: the real binary between real peers, one file a behaviour.
//! One test binary, so that it is linked once.

mod api;
mod border;
mod cli;
mod clients;
mod clinic;
mod demo;
mod doctor;
mod durability;
mod endtoend;
mod faults;
mod gateway;
mod gateway_origin;
mod gateway_setup;
mod given_keys;
mod harvest;
mod held;
mod holds;
mod input;
mod inspect;
mod key_rules;
mod loops;
mod marks;
mod methods;
mod nodes;
mod operate;
mod organisations;
mod portal;
mod probe;
mod replies;
mod rest;
mod returned;
mod sealing;
mod sink;
mod visit;
mod ward;
