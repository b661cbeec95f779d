//! Message files sealed and opened by the real binary, beside `openssl cms`,
//! GnuPG and Python: both ways, bit for bit.

mod files;
mod letters;
mod openpgp;
mod peers;
mod smime;
