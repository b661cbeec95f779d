//! Version 1: AES in CFB mode and a modification detection code (RFC 9580 §5.13.1).

use aws_lc_rs::{constant_time, digest};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::StreamDecryptor;
use pgp::types::Seipdv1ReadMode;
use zeroize::Zeroizing;

use super::{Broken, SALT, SessionKey, VERSION_1, aes, cfb, drain};

/// A block of AES and its last two bytes again.
const PREFIX: usize = 18;
/// The head of a modification detection code.
const MDC_HEAD: [u8; 2] = [0xD3, 0x14];
const MDC: usize = MDC_HEAD.len() + digest::SHA1_OUTPUT_LEN;

/// How much longer than its content the body of the packet is.
pub const OVERHEAD: usize = 1 + PREFIX + MDC;

pub fn seal(
    cipher: SymmetricKeyAlgorithm,
    key: &[u8],
    random: &[u8; SALT],
    content: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    out.push(VERSION_1);
    let start = out.len();
    let (block, _) = random.split_at(PREFIX - 2);
    out.extend(block);
    out.extend(block.iter().skip(PREFIX - 4));
    content.iter().for_each(|part| out.extend_from_slice(part));
    out.extend(MDC_HEAD);
    let plain = out.get_mut(start..).ok_or(Broken)?;
    let code = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, plain);
    out.extend(code.as_ref());
    let plain = out.get_mut(start..).ok_or(Broken)?;
    cfb::encrypt(aes(cipher).ok_or(Broken)?, key, plain)
}

/// Version 1 and its code, checked whole before anything is given back.
pub fn open(session: &SessionKey, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let cipher = session.cipher.ok_or(Broken)?;
    let Some(algorithm) = aes(cipher) else {
        let mode = Seipdv1ReadMode::CheckFirst { max_message_size: body.len() };
        let stream = StreamDecryptor::v1(cipher, mode, &session.key, body).map_err(|_| Broken)?;
        return drain(stream, body.len());
    };
    let mut plain = Zeroizing::new(body.to_vec());
    cfb::decrypt(algorithm, &session.key, &mut plain)?;
    let hashed = plain.len().checked_sub(digest::SHA1_OUTPUT_LEN).ok_or(Broken)?;
    let (content, code) = plain.split_at(hashed);
    let head = content.len().checked_sub(MDC_HEAD.len()).filter(|end| *end >= PREFIX).ok_or(Broken)?;
    // The repeated bytes of the prefix are not looked at: that check is an oracle (RFC 9580 §13.4).
    let expected = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, content);
    let is_code = constant_time::verify_slices_are_equal(expected.as_ref(), code).is_ok();
    if !is_code || content.get(head..) != Some(&MDC_HEAD) {
        return Err(Broken);
    }
    plain.truncate(head);
    plain.drain(..PREFIX);
    Ok(plain)
}
