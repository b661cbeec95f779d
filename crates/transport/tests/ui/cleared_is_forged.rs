use seal::Parcel;
use transport::{Channel, Cleared};

fn forge<'c>(channel: &'c mut Channel, parcel: &'c Parcel) -> Cleared<'c> {
    Cleared { channel, parcel }
}

fn main() {}
