//! S/MIME against its peers: OpenSSL, Python's `cryptography`, and the public suites.

mod openssl;
mod peers;
mod suites;
mod trust;
