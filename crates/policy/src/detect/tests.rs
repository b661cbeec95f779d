//! What each detector must find and must leave alone.

use mail::reading::{Body, Part, Place, Reading};

use super::{Detectors, scan};
use crate::finding::{Detector, Finding};

fn found(text: &str) -> Vec<Finding> {
    let part = Part {
        place: Place::Text,
        content_type: "text/plain".to_owned(),
        content_id: None,
        nesting: 0,
        body: Body::Text(text.to_owned()),
    };
    scan(&Detectors::default(), &Reading { parts: vec![part], ..Reading::default() })
}

/// Every text holds it, at least so sure.
fn finds(detector: Detector, at_least: f64, texts: &[&str]) {
    for text in texts {
        let best = found(text).iter().filter(|one| one.detector == detector).map(|one| one.confidence).reduce(f64::max);
        assert!(best.is_some_and(|best| best >= at_least), "{detector} in {text:?}: {best:?}");
    }
}

/// No text holds it, not even a little.
fn leaves(detector: Detector, texts: &[&str]) {
    for text in texts {
        let wrong: Vec<_> = found(text).into_iter().filter(|one| one.detector == detector).collect();
        assert!(wrong.is_empty(), "{text:?}: {wrong:?}");
    }
}

#[test]
fn ssn_is_found() {
    finds(
        Detector::Ssn,
        0.85,
        &[
            "536-22-8141",
            "SSN: 536-22-8141",
            "ssn 536228141",
            "SSN#536-22-8141",
            "SSN:536228141",
            "Social Security Number: 536 22 8141",
            "social security no. 536.22.8141",
            "Soc Sec 001-01-0001",
            "SS# 536-22-8141",
            "My social is 536-22-8141, call me.",
            "(536-22-8141)",
            "\"536-22-8141\"",
            "Patient 536-22-8141 arrived",
            "536-22-8141.",
            "536-22-8141, 212-45-6780",
            "ssn=536-22-8141;",
            "Her number is 665-12-3456",
            "667-12-3456",
            "899-99-9998",
            "tin/ssn 772-45-1234",
            "número de seguro social 536-22-8141",
            "SSN\n536-22-8141",
            "536-22-\n8141",
            "536 - 22 - 8141",
            "s.s.n. 536-22-8141",
            "SSN is\t536228141",
            "social security: 123-45-6780",
            "SSN 536-22-8141 DOB 01/02/1980",
            "id,ssn\n7,536228141",
            "Name\tSSN\nJoe\t536228141\nAnn\t212456780",
            "the SSNs are 536-22-8141 and 212-45-6780",
            "536‑22‑8141",
        ],
    );
    finds(Detector::Ssn, 0.5, &["Joe Smith 536 22 8141", "536 22 8141"]);
}

#[test]
fn what_is_no_ssn_is_left_alone() {
    leaves(
        Detector::Ssn,
        &[
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "987-65-4321",
            "999-99-9999",
            "536-00-8141",
            "536-22-0000",
            "SSN 078-05-1120",
            "SSN 219-09-9999",
            "SSN 123-45-6789",
            "SSN 123456789",
            "SSN 457-55-5462",
            "SSN 111-11-1111",
            "SSN 555-55-5555",
            "536228141",
            "Order 536228141",
            "Tracking 536228141 ships today",
            "invoice 536 22 8141",
            "zip 53622-8141",
            "call 536-228-1410",
            "1536-22-8141",
            "536-22-81410",
            "536-22-8141-7",
            "7-536-22-8141",
            "2024-536-22-8141",
            "536-228-141",
            "5362-28-141",
            "ISBN 978-3-16-148410-0",
            "$536228141",
            "1,536,228,141",
            "total 536.228.141",
            "2024-01-02 03:04:05",
            "account 000536228141",
            "v536.22.8141",
            "10.536.22.8141",
            "+1 536 228 1410",
            "A536-22-8141",
        ],
    );
}

#[test]
fn npi_is_found() {
    finds(
        Detector::Npi,
        0.8,
        &[
            "NPI 1234567893",
            "NPI: 1245319599",
            "npi#1003000126",
            "National Provider Identifier 1679576722",
            "Rendering provider: 1234567893",
            "Dr. Adams (1245319599)",
            "referring physician 1003000126",
            "provider_id 1234567893 npi",
            "1234567893 (NPI)",
            "NPI\t1234567893",
            "npi,name\n1234567893,Adams",
            "NPIs 1234567893, 1245319599",
        ],
    );
    finds(Detector::Npi, 0.4, &["1234567893", "see 1245319599 for it", "number: 2234567891"]);
}

#[test]
fn what_is_no_npi_is_left_alone() {
    leaves(
        Detector::Npi,
        &[
            "NPI 1234567890",
            "NPI 1234567894",
            "NPI 3234567893",
            "NPI 0234567893",
            "NPI 12345678931",
            "NPI 123456789",
            "Order 1234567893",
            "Order number: 1234567893",
            "Invoice #1234567893",
            "tracking 1234567893",
            "confirmation 1234567893",
            "call 1234567893",
            "phone: 1234567893",
            "timestamp 1245319599",
            "11234567893",
            "1234567893.50",
            "$1234567893",
            "X1234567893",
            "1234567893-2",
            "ISBN 1234567893",
            "123-456-7893",
            "12345 67893",
            "reference 1003000126",
            "serial 1679576722",
            "receipt 1679576722",
            "ticket 1234567893",
            "Case 1245319599",
            "SKU 1234567893",
            "PO number 1234567893",
            "transaction 1234567893",
            "part number 1234567893",
        ],
    );
}

#[test]
fn cards_are_found() {
    finds(
        Detector::Card,
        0.75,
        &[
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "Visa 4012888888881881",
            "4222222222222",
            "5555555555554444",
            "5105 1051 0510 5100",
            "MC: 5200828282828210",
            "2223003122003222",
            "2720 9999 9999 9996",
            "amex 378282246310005",
            "3782 822463 10005",
            "371449635398431",
            "3714-496353-98431",
            "6011111111111117",
            "6011 0009 9013 9424",
            "6445644564456445",
            "6510000000000000 card".replace("6510000000000000", "6500000000000002").as_str(),
            "30569309025904",
            "3056 930902 5904",
            "38520000023237",
            "36227206271667",
            "3530111333300000",
            "3566 0020 2036 0505",
            "6200000000000005",
            "6304000000000000",
            "card 4111 1111 1111 1111 exp 12/27",
            "4111 1111 1111 1111 12/27 123",
            "card no.: 4111111111111111, cvv 123",
            "credit card\n4111111111111111",
            "(4111-1111-1111-1111)",
        ],
    );
}

#[test]
fn what_is_no_card_is_left_alone() {
    leaves(
        Detector::Card,
        &[
            "4111111111111112",
            "4111 1111 1111 1112",
            "5555555555554445",
            "378282246310006",
            "1234567812345670",
            "9111111111111110",
            "0000000000000000",
            "41111111111111111",
            "411111111111111",
            "14111111111111111",
            "9400 1000 0000 0000 0000 00",
            "9400 4111 1111 1111 1111 00",
            "4111 1111 1111 1111 1111",
            "1Z999AA10123456784",
            "978-3-16-148410-0",
            "9783161484100",
            "2221000000000000",
            "5655555555554444",
            "3912345678901234",
            "IMEI 490154203237518",
            "4111.1111.1111.1111",
            "$4111111111111111",
            "4111111111111111.5",
            "x4111111111111111",
            "0.4111111111111111",
            "4111-111111111111",
            "41111 11111 11111 1",
            "2024-11-22 10:11:12.123456",
            "550e8400-e29b-41d4-a716-446655440000",
            "+44 4111 111 111",
            "6012111111111117",
        ],
    );
}

#[test]
fn mbi_is_found() {
    finds(
        Detector::Mbi,
        0.75,
        &[
            "1EG4-TE5-MK73",
            "1EG4TE5MK73",
            "MBI 1EG4-TE5-MK72",
            "Medicare number: 1EG4TE5MK73",
            "mbi: 1eg4te5mk73",
            "medicare 1eg4-te5-mk73",
            "2AC0-AA0-AA00",
            "9YY9YY9YY99",
            "(1EG4-TE5-MK73)",
            "beneficiary 1EG4 TE5 MK73",
            "1AN9-WX3-YZ44".replace('Z', "Y").as_str(),
        ],
    );
    finds(Detector::Mbi, 0.5, &["1eg4te5mk73"]);
}

#[test]
fn what_is_no_mbi_is_left_alone() {
    leaves(
        Detector::Mbi,
        &[
            "0EG4-TE5-MK73",
            "1SG4-TE5-MK73",
            "1LG4-TE5-MK73",
            "1OG4-TE5-MK73",
            "1IG4-TE5-MK73",
            "1BG4-TE5-MK73",
            "1ZG4-TE5-MK73",
            "1EGA-TE5-MK73",
            "1EG4-1E5-MK73",
            "1EG4-TEA-MK73",
            "1EG4-TE5-1K73",
            "1EG4-TE5-M173",
            "1EG4-TE5-MKA3",
            "1EG4-TE5-MK7",
            "1EG4-TE5-MK734",
            "A1EG4TE5MK73",
            "1EG4TE5MK73X",
            "order 1EG4TE5MK73",
            "tracking 1EG4TE5MK73",
            "SKU 1EG4TE5MK73",
            "1EG-4TE5-MK73",
            "1EG4.TE5.MK73",
            "12345678901",
            "EG4TE5MK731",
            "1Z999AA10123456784",
        ],
    );
}

#[test]
fn dea_is_found() {
    finds(
        Detector::Dea,
        0.5,
        &[
            "DEA AB1234563",
            "dea#: BJ6125341",
            "DEA number: F91234563",
            "AB1234563",
            "Dr. Adams AB1234563",
            "prescriber MA1234563",
            "DEA ab1234563",
            "DEA: AB-1234563",
            "(DEA AP5836727)",
        ],
    );
}

#[test]
fn what_is_no_dea_number_is_left_alone() {
    leaves(
        Detector::Dea,
        &[
            "AB1234562",
            "DEA AB1234567",
            "order AB1234563",
            "invoice AB1234563",
            "ab1234563",
            "IB1234563",
            "AB12345630",
            "AB123456",
            "ABC1234563",
            "part AB1234563",
            "9B1234563",
            "XAB1234563",
            "AB1234563.1",
            "flight AB1234563",
            "lot AB1234563",
        ],
    );
}

#[test]
fn icd10_is_found() {
    finds(
        Detector::Icd10,
        0.7,
        &[
            "Diagnosis: E11.9",
            "dx E11.65, I10",
            "ICD-10: F32.1",
            "ICD10 code J45.909",
            "diagnosed with C50.911",
            "Dx: I10",
            "diagnosis code Z00",
            "diagnoses (M54.50)",
            "ICD-10-CM S72.001A",
            "The patient has E11.9",
            "patient's condition G43.909 is chronic",
            "history of F10.20",
            "U07.1 diagnosed",
            "Dx U09.9",
            "billing code Z23",
            "claim for K21.9",
            "dx\tB20",
            "diagnosis\nI10\nE78.5",
            "mrn,dx\n1,F33.2",
            "diagnóstico: E11.9",
            "disease E78.00",
            "treatment of O80.0",
        ],
    );
}

#[test]
fn what_is_no_diagnosis_code_is_left_alone() {
    leaves(
        Detector::Icd10,
        &[
            "E11.9",
            "I10",
            "take I10 west to exit 45",
            "vitamin B12",
            "diagnosis: vitamin B12 deficiency",
            "The patient takes B12",
            "H1B visa",
            "meet in room B12",
            "patient in room C10",
            "size A40 paper",
            "version V10.5",
            "part E11.9",
            "order F32.1 shipped",
            "U12.3 dx",
            "dx EE11.9",
            "dx E1.9",
            "dx E11.99999",
            "A1C of 7.2 for the patient",
            "diagnosis e11.9 software",
            "2E11.9 patient",
            "G20 summit",
            "F16.2 aircraft",
            "Q10.5 quarter",
            "M10 bolts",
            "boarding gate B20",
            "model A12.5",
            "SKU T20.1",
            "B2B sales",
            "flight K10",
            "the visit of the G20",
        ],
    );
}

#[test]
fn dates_of_birth_are_found() {
    finds(
        Detector::Dob,
        0.7,
        &[
            "DOB: 01/02/1980",
            "DOB 1/2/80",
            "dob 01-02-1980",
            "D.O.B. 01.02.1980",
            "DOB: 1980-01-02",
            "DOB 1980/01/02",
            "DOB 01021980",
            "dob:19800102",
            "Date of birth: January 2, 1980",
            "Date of birth January 2nd 1980",
            "Date of Birth: 2 January 1980",
            "birth date 2-Jan-1980",
            "birthdate: 02JAN1980",
            "Birthday: Jan 2, 80",
            "born 01/02/1980",
            "born on the 2nd of January 1980",
            "born on March 3, 1975",
            "Date of birth (mm/dd/yyyy): 01/02/1980",
            "DOB is 13/02/1980",
            "DOB 02/29/2000",
            "01/02/1980 (DOB)",
            "1980-01-02 DOB",
            "DOB\n01/02/1980",
            "name,dob\nJoe,1980-01-02",
            "Name\tDate of birth\nJoe\t01/02/1980",
            "fecha de nacimiento: 02/01/1980",
            "fecha de nacimiento: 2 de enero de 1980",
            "nacida el 2 de marzo de 1980",
            "DOB=01/02/1980;",
            "date_of_birth: 1980-01-02",
            "dob 12 31 1999",
            "DOB: Sept 9, 1999",
        ],
    );
}

#[test]
fn what_is_no_date_of_birth_is_left_alone() {
    leaves(
        Detector::Dob,
        &[
            "01/02/1980",
            "Date: 01/02/1980",
            "visit on 01/02/2024",
            "Appointment January 2, 2024",
            "DOB: 13/32/1980",
            "DOB: 02/30/1980",
            "DOB: 00/10/1980",
            "DOB: 1980-13-01",
            "DOB: 01/02/1780",
            "DOB: unknown",
            "DOB required",
            "Please bring your date of birth and arrive before 01/02/2024",
            "invoice date 01/02/2024",
            "due 2024-01-02",
            "dob 123456",
            "DOB 192.168.1.10",
            "DOB 99/99/9999",
            "reborn 01/02/1980",
            "airborne 01/02/1980",
            "Date of birth: see 3 forms, signed 01/02/2024",
            "dobson 01/02/1980",
            "stubborn 1980-01-02",
            "the child was born in the year of the storm; report of 01/02/2024",
            "version 1.2.80",
            "01/02/1980\nDOB: none given",
            "order 01-02-1980",
            "birthday party on the big lawn at the club, 01/02/2024",
            "May 5",
            "DOB: 1/2",
            "born free",
        ],
    );
}

#[test]
fn drugs_are_found() {
    finds(
        Detector::Drug,
        0.7,
        &[
            "metformin",
            "Metformin 500 mg",
            "LISINOPRIL",
            "Your Lipitor is ready",
            "refill of atorvastatin",
            "Ozempic",
            "take sertraline daily",
            "hydrocodone/acetaminophen",
            "(gabapentin)",
            "insulin glargine",
            "Plan B One-Step",
            "Advil 200 mg",
            "take Yasmin daily",
            "Allegra tablets",
            "truvada",
            "Suboxone",
            "Xanax.",
            "levothyroxine, 50 mcg",
            "patient on warfarin",
            "Toprol-XL",
            "klor-con",
            "methadone",
            "Adderall",
            "Biktarvy",
            "amoxicillin",
        ],
    );
}

#[test]
fn what_is_no_drug_is_left_alone() {
    leaves(
        Detector::Drug,
        &[
            "Yasmin called",
            "Allegra Smith",
            "soma coffee",
            "a sonata in C",
            "different",
            "metformins1",
            "xanaxed",
            "the plan b meeting",
            "Yaz",
            "motrins",
            "actor",
            "norm",
            "sinemetric",
            "lasixx",
            "coregulation",
            "altacely",
            "Apri and Ann",
            "differin views",
            "Hello, see you on Monday",
            "Your invoice is attached",
        ],
    );
}

#[test]
fn mrn_is_found() {
    finds(
        Detector::Mrn,
        0.7,
        &[
            "MRN 12345678",
            "MRN: 1234567",
            "mrn#00123456",
            "MRN=12345678",
            "MRN-12345678",
            "MRN is 12345678",
            "Medical Record Number: 12345678",
            "medical record no. 12345678",
            "Med Rec # 12345",
            "Chart number 123456",
            "chart # 123456",
            "Patient ID: AB123456",
            "patient number 12345678",
            "Patient # 1234567",
            "MR# 1234567",
            "MRN: A-123456",
            "MRN: 12-34-56",
            "MRN 123-45-678",
            "12345678 (MRN)",
            "mrn,name\n12345678,Joe",
            "Name\tMRN\nJoe\t12345678",
            "MRN\n12345678",
            "hospital number 1234567",
            "patient_id=1234567",
            "Record number: 1234567",
            "expediente 1234567",
            "MRN(12345678)",
            "MRN: M00123456",
            "MRNs 12345678",
            "the MRN for this patient: 12345678",
        ],
    );
}

#[test]
fn what_is_no_mrn_is_left_alone() {
    leaves(
        Detector::Mrn,
        &[
            "12345678",
            "number 12345678",
            "order 12345678",
            "MRN",
            "MRN required",
            "MRN: none",
            "MRN 123",
            "MRN 01/02/1980",
            "MRN 2024-01-02",
            "Medical record department 617-555-0123",
            "medical records 617-555-0123",
            "MRN field is on page 3",
            "chart of 2024 sales",
            "patient number one",
            "MRN 12345678901234567890123456789012345",
            "MRNX 12345678",
            "XMRN 12345678",
            "MRN 12345.67",
            "MRN $123456",
            "your medical record is ready. Invoice total 123456",
            "patient id card, 2 pages",
            "record number of visitors: 5",
            "chart # in the year",
            "a record number, 300",
            "MRN abcdefgh",
        ],
    );
}

#[test]
fn member_ids_are_found() {
    finds(
        Detector::MemberId,
        0.7,
        &[
            "Member ID: XYZ123456789",
            "member id 123456789",
            "Member #: W123456789",
            "member number 1234567",
            "Subscriber ID ABC123456789",
            "subscriber no. 12345678",
            "Policy number: 123456789",
            "policy # AB1234567",
            "Insurance ID 12345678",
            "Medicaid ID: AB12345C".replace("AB12345C", "AB123456").as_str(),
            "Enrollee ID 1234567890",
            "health plan id 12345678",
            "member_id=123456789",
            "memberid,name\n123456789,Joe",
            "id de miembro: XYZ123456789",
            "Member ID: 123456789-01",
            "XYZ123456789 (member ID)",
            "insured id: H12345678",
            "Member ID: R12345678A".replace("R12345678A", "R12345678").as_str(),
            "beneficiary ID 12345678901",
        ],
    );
}

#[test]
fn what_is_no_member_id_is_left_alone() {
    leaves(
        Detector::MemberId,
        &[
            "XYZ123456789",
            "member 123456789",
            "members: 12345678",
            "Member ID",
            "Member ID card attached",
            "member id: 12",
            "policy of 2024",
            "Policy number",
            "member number 617-555-0123",
            "subscriber id 01/02/1980",
            "Your policy, updated 12345678",
            "plan id A",
            "insurance 12345678",
            "remember id 12345678 x",
            "planid 12345678",
        ],
    );
}

#[test]
fn phones_are_found() {
    finds(
        Detector::Phone,
        0.4,
        &[
            "617-555-0123",
            "(617) 555-0123",
            "617.555.0123",
            "617 555 0123",
            "+1 617 555 0123",
            "1-617-555-0123",
            "+16175550123",
            "phone 6175550123",
            "Call 617-555-0123 now",
            "tel: (617)555-0123",
            "cell 6175550123",
            "fax: 617-555-0123",
            "+44 20 7946 0958",
            "+52 55 1234 5678",
            "+49 (30) 901820",
            "teléfono 617-555-0123",
            "home phone: 617-555-0123, work 617-555-0199",
            "617-555-0123.",
            "phone,name\n6175550123,Joe",
            "reach me at 617-555-0123",
        ],
    );
}

#[test]
fn what_is_no_phone_is_left_alone() {
    leaves(
        Detector::Phone,
        &[
            "6175550123",
            "117-555-0123",
            "017-555-0123",
            "617-155-0123",
            "617-055-0123",
            "611-555-0123",
            "617-911-0123",
            "617-555-012",
            "617-555-01234",
            "5617-555-0123",
            "617-555-0123-4",
            "order 617-555-0123",
            "invoice 617-555-0123",
            "tracking 6175550123",
            "192.168.100.1000",
            "2024-05-1234",
            "123-45-6789",
            "4111 1111 1111 1111",
            "978-3-16-148410-0",
            "$617-555-0123",
            "0.617-555-0123",
            "ref 617-555-0123",
            "serial 617-555-0123",
            "10:20:30",
            "1,617,555,0123",
            "+1",
            "+44 20",
            "a617-555-0123",
            "617-555-0123x",
            "ticket 617 555 0123",
        ],
    );
}
