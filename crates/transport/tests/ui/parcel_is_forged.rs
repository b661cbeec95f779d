use seal::{Parcel, Stamp};

fn forge(stamp: Stamp, other: Parcel) -> Parcel {
    Parcel { stamp, ..other }
}

fn main() {}
