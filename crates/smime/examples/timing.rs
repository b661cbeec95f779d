//! Whether the time of opening an RSA ciphertext tells how it was padded (Bleichenbacher, Marvin).
//!
//! `cargo run --release -p smime --example timing`: Welch's t between right padding and each wrong kind, over the faster
//! part of 8,000 tries each. Below 4.5 nothing can be told apart.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use mail::Entropy;
use mail::private_key::{Decrypter, RsaPadding};
use smime::{KeyKind, SoftwareKey};

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("random bytes");
    }
}

const TRIES: usize = 8_000;
const CIPHERTEXTS: usize = 200;

/// Mean, variance and count of the faster part, which the rest of the machine disturbs less.
fn faster(times: &mut [f64]) -> (f64, f64, f64) {
    times.sort_by(f64::total_cmp);
    let part: Vec<f64> = times.iter().take(times.len() * 6 / 10).copied().collect();
    let count = part.len() as f64;
    let mean = part.iter().sum::<f64>() / count;
    (mean, part.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / count, count)
}

fn main() {
    let key = SoftwareKey::generate(KeyKind::Rsa2048, &Random).expect("a key");
    let public = PublicEncryptingKey::from_der(key.public().to_der())
        .and_then(|key| Pkcs1PublicEncryptingKey::new(key).map_err(Into::into));
    let public = public.expect("its public half");
    let seal = |len: usize| {
        let mut sealed = vec![0; public.ciphertext_size()];
        let _ = public.encrypt(&vec![7; len], &mut sealed).expect("sealed");
        sealed
    };
    let noise = || {
        let mut noise = vec![0; public.ciphertext_size()];
        Random.fill(&mut noise);
        noise[0] = 0;
        noise
    };
    let many = |make: &dyn Fn() -> Vec<u8>| (0..CIPHERTEXTS).map(|_| make()).collect::<Vec<_>>();
    let kinds = [("right", many(&|| seal(32))), ("of another length", many(&|| seal(16))), ("wrong", many(&noise))];
    let mut times = [const { Vec::new() }; 3];
    // In turn, and each first as often as the others, so that all meet the same machine.
    for (round, kind) in (0..TRIES).flat_map(|round| (0..3).map(move |kind| (round, (kind + round) % 3))) {
        let begin = Instant::now();
        let _ = black_box(key.decrypt_rsa(RsaPadding::Pkcs1, &kinds[kind].1[round % CIPHERTEXTS], 32));
        times[kind].push(begin.elapsed().as_nanos() as f64);
    }
    let [right, others @ ..] = times.each_mut().map(|times| faster(times));
    for ((name, _), other) in kinds.iter().skip(1).zip(others) {
        let t = (right.0 - other.0) / (right.1 / right.2 + other.1 / other.2).sqrt();
        let line = format!("padding right {:.0} ns, {name} {:.0} ns: t = {t:.1}\n", right.0, other.0);
        std::io::stdout().write_all(line.as_bytes()).expect("standard output");
    }
}
