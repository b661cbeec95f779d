use transport::{Transport, Wire};

async fn unsealed(transport: &Transport, bytes: &[u8], wire: &dyn Wire) {
    transport.deliver(bytes, wire).await;
}

fn main() {}
