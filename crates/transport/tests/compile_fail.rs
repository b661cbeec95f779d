//! What must not compile: a clearance or a parcel of one's own making, and
//! sending without a clearance.

#[test]
fn neither_clearance_nor_parcel_can_be_forged() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
