//! S/MIME against its peers: OpenSSL, Python's `cryptography`, and the public suites.

mod files;
mod fuzz;
mod openssl;
mod peers;
mod python;
mod side_channel;
mod suites;
mod trust;
