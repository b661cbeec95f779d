use transport::{Channel, Proof};

fn replace(channel: &mut Channel, proof: Proof) {
    channel.proof = proof;
}

fn main() {}
