//! MTA-STS policies outlive the process that had them.

use flow::sts::KeptPolicies;
use mail::{Domain, OrgId};
use transport::mta_sts::{KnownPolicy, PolicyMemory, StsPolicy};

use crate::clinic::{Clinic, ORG};

#[test]
fn policies_are_kept_sealed_until_their_time_is_over() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clinic = Clinic::new(3);
        let domain = Domain::parse("partner.example").unwrap();
        let text = "version: STSv1\nmode: enforce\nmx: *.partner.example\nmax_age: 86400\n";
        let policy = StsPolicy::parse(text.as_bytes()).unwrap();
        let first = clinic.start();
        let now = first.journey.clock.now();
        let known = KnownPolicy { id: "1".into(), policy, fetched_at: now };
        KeptPolicies(first.journey.clone()).keep(ORG, &domain, &known).await.unwrap();
        drop(first);
        let kept = std::fs::read(clinic.dir.path().join("sealpost.db")).unwrap();
        let log = std::fs::read(clinic.dir.path().join("sealpost.db-wal")).unwrap_or_default();
        for file in [kept, log] {
            assert!(!file.windows(15).any(|window| window == b"partner.example"), "a domain stands in clear");
        }
        let again = clinic.start();
        let memory = KeptPolicies(again.journey.clone());
        assert_eq!(memory.recall(ORG, &domain).await, Ok(Some(known)));
        assert_eq!(memory.recall(ORG, &Domain::parse("other.example").unwrap()).await, Ok(None));
        assert!(memory.recall(OrgId(9), &domain).await.is_err(), "an organisation that is not served here");
    });
}
