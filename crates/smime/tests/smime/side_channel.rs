//! The time of opening an RSA ciphertext does not tell how it was padded
//! (Bleichenbacher, Marvin).

use std::hint::black_box;

use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use mail::Entropy;
use mail::private_key::{Decrypter, RsaPadding};
use smime::{KeyKind, SoftwareKey};
use testkit::side_channel::{VARIANTS, Welch};

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).unwrap();
    }
}

#[test]
fn time_does_not_tell_how_a_content_key_is_padded() {
    let key = SoftwareKey::generate(KeyKind::Rsa2048, &Random).unwrap();
    let public = PublicEncryptingKey::from_der(Decrypter::public_key(&key)).unwrap();
    let public = Pkcs1PublicEncryptingKey::new(public).unwrap();
    let sealed = |length: usize| {
        let mut plain = vec![0; length];
        Random.fill(&mut plain);
        let mut sealed = vec![0; public.ciphertext_size()];
        public.encrypt(&plain, &mut sealed).unwrap();
        sealed
    };
    let noise = || {
        let mut noise = vec![0; public.ciphertext_size()];
        Random.fill(&mut noise);
        noise[0] = 0;
        noise
    };
    let many = |make: &dyn Fn() -> Vec<u8>| (0..VARIANTS).map(|_| make()).collect::<Vec<_>>();
    let right = many(&|| sealed(32));
    for (name, wrong) in [("another length", many(&|| sealed(16))), ("bad padding", many(&noise))] {
        let welch = Welch::least(|is_second, round| {
            let inputs = if is_second { &wrong } else { &right };
            let opened = key.decrypt_rsa(RsaPadding::Pkcs1, &inputs[round % inputs.len()], &[32]);
            assert_eq!(black_box(opened).unwrap().len(), 32);
        });
        welch.assert_alike(&format!("smime, {name}"));
    }
}
