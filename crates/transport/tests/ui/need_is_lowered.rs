use mail::Need;
use seal::Parcel;

fn lower(parcel: &mut Parcel) {
    parcel.inner.need = Need::None;
}

fn main() {}
