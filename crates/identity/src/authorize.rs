//! The one question before every route and command: may this principal do
//! this to that?
//!
//! Two tables and three bounds. [`fits`] says to which kind of thing an action
//! is done, [`may`] which kind of principal may do it; then the organisations
//! must be the same, a recipient stays with its own copy of one message, and a
//! test key with what test keys handed in.
//! Every match is exhaustive, so that a new principal or action is not
//! compiled until someone has decided.

use mail::{MessageId, OrgId};

use crate::api_key::Scope;
use crate::principal::Principal;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Hand in a message by SMTP.
    Submit,
    /// Move a message along its journey: decide, seal, deliver, record.
    Process,
    /// See that a message exists, its timeline and its recipients.
    ReadTimeline,
    /// Read what a message says.
    ReadContent,
    /// Release or refuse a held message.
    JudgeHeld,
    /// Release or refuse an own held message, having proven the mailbox that it
    /// was sent from.
    JudgeOwn,
    /// Destroy a message's key for good.
    EraseMessage,
    /// Read and export the receipts of a message.
    ReadReceipts,
    /// Read and verify the ledger.
    ReadLedger,
    /// See how much waits.
    ReadQueue,
    /// Hold back, let go, try now and drop what waits.
    ManageQueue,
    /// Read the policy in force, and explain a decision.
    ReadPolicy,
    /// Make, list and revoke credentials of submission.
    ManageCredentials,
    /// See which keys of recipients are known.
    ReadKeys,
    /// Add, accept, reject and remove keys of recipients.
    ManageKeys,
    /// Keep a key of a recipient that was found: by lookup, or in mail.
    LearnKeys,
    /// Make, import, renew, revoke and export the organisation's own keys.
    ManageOrgKeys,
    /// Give the own key at the portal, having proven what it asks.
    GiveKey,
    /// Ask for a code at the portal.
    RequestCode,
    /// Open the message at the portal, having proven what its policy asks.
    OpenAtPortal,
    /// Reply to the message at the portal, having proven what opening it asks.
    Reply,
    /// See how the domains of the watch list stand.
    ReadWatch,
    /// Probe the domains of the watch list and keep what is found.
    KeepWatch,
    /// Read the reports on mail that other systems sent.
    ReadReports,
    /// Send reports on TLS to other domains, and keep those that come in.
    KeepReports,
    /// See how the listeners' certificate stands.
    ReadCertificates,
    /// Order certificates for the listeners from an authority.
    OrderCertificates,
    /// Make or list organisations.
    ManageOrganisations,
    /// Make, rotate and rewrap keys at rest.
    RotateKeys,
    /// Have a header block traced that the principal hands in.
    InspectHeader,
    /// See who is suppressed, and why.
    ReadSuppressions,
    /// Suppress addresses, and take that back.
    ManageSuppressions,
}

/// To what it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// An organisation as a whole: its queue, its policy, its credentials.
    Organisation(OrgId),
    /// A message.
    Message(OrgId, MessageId),
    /// A message that a test key handed in, which leaves the machine nowhere.
    Rehearsal(OrgId, MessageId),
    /// One recipient's copy of a message at the portal.
    Copy(OrgId, MessageId, u32),
    /// An organisation's ledger.
    Ledger(OrgId),
    /// The machine and all that it runs.
    Deployment,
}

/// The principal may not. Says nothing of whether the resource exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not allowed")]
pub struct Forbidden;

/// Whether `principal` may do `action` to `resource`.
pub fn authorize(principal: &Principal, action: Action, resource: &Resource) -> Result<(), Forbidden> {
    let allowed = fits(action, resource) && may(principal, action) && within(principal, resource);
    (allowed && is_rehearsed(principal, action, resource)).then_some(()).ok_or(Forbidden)
}

/// To which kind of resource an action is done.
fn fits(action: Action, resource: &Resource) -> bool {
    use Action as A;
    use Resource as R;
    match action {
        A::Submit | A::ReadQueue | A::ManageQueue | A::ReadPolicy | A::ManageCredentials => {
            matches!(resource, R::Organisation(_))
        }
        A::ReadKeys | A::ManageKeys | A::LearnKeys | A::ManageOrgKeys => matches!(resource, R::Organisation(_)),
        A::ReadWatch | A::ReadReports | A::KeepWatch | A::KeepReports => matches!(resource, R::Organisation(_)),
        A::ReadCertificates | A::OrderCertificates => matches!(resource, R::Organisation(_)),
        A::InspectHeader | A::ReadSuppressions | A::ManageSuppressions => matches!(resource, R::Organisation(_)),
        A::Process | A::ReadTimeline | A::ReadContent | A::JudgeHeld | A::EraseMessage | A::ReadReceipts => {
            matches!(resource, R::Message(..) | R::Rehearsal(..))
        }
        A::RequestCode | A::OpenAtPortal | A::Reply | A::GiveKey | A::JudgeOwn => matches!(resource, R::Copy(..)),
        A::ReadLedger => matches!(resource, R::Ledger(_)),
        A::ManageOrganisations | A::RotateKeys => matches!(resource, R::Deployment),
    }
}

/// Which kind of principal may do what.
fn may(principal: &Principal, action: Action) -> bool {
    use Action as A;
    match principal {
        Principal::Submission { .. } => match action {
            A::Submit => true,
            A::ReadKeys | A::ManageKeys | A::LearnKeys | A::ManageOrgKeys | A::GiveKey | A::JudgeOwn => false,
            A::Process | A::ReadTimeline | A::ReadContent | A::JudgeHeld | A::ReadReceipts | A::ReadLedger => false,
            A::ReadQueue | A::ReadPolicy | A::ManageCredentials | A::RequestCode | A::OpenAtPortal | A::Reply => false,
            A::EraseMessage | A::ManageOrganisations | A::RotateKeys => false,
            A::ReadWatch | A::ReadReports | A::KeepWatch | A::KeepReports => false,
            A::InspectHeader | A::ManageQueue | A::ReadSuppressions | A::ManageSuppressions => false,
            A::ReadCertificates | A::OrderCertificates => false,
        },
        Principal::Application { scopes, .. } => match action {
            A::Submit => scopes.contains(&Scope::Send),
            A::ReadTimeline | A::ReadQueue | A::ReadReceipts => scopes.contains(&Scope::Read),
            A::JudgeHeld => scopes.contains(&Scope::Judge),
            A::InspectHeader => scopes.contains(&Scope::Inspect),
            A::ReadSuppressions => scopes.contains(&Scope::ReadSuppressions),
            A::ManageSuppressions => scopes.contains(&Scope::WriteSuppressions),
            A::ManageQueue => false,
            A::Process | A::ReadContent | A::ReadLedger | A::ReadPolicy | A::ManageCredentials => false,
            A::ReadKeys | A::ManageKeys | A::LearnKeys | A::ManageOrgKeys | A::GiveKey | A::JudgeOwn => false,
            A::EraseMessage | A::RequestCode | A::OpenAtPortal | A::Reply => false,
            A::ManageOrganisations | A::RotateKeys => false,
            A::ReadWatch | A::ReadReports | A::KeepWatch | A::KeepReports => false,
            A::ReadCertificates | A::OrderCertificates => false,
        },
        Principal::Operator { .. } => match action {
            A::ReadTimeline | A::JudgeHeld | A::ReadReceipts | A::ReadLedger | A::ReadQueue => true,
            A::EraseMessage | A::ReadPolicy | A::ManageCredentials | A::ManageQueue => true,
            A::ReadKeys | A::ManageKeys | A::ManageOrgKeys | A::ReadWatch | A::ReadReports => true,
            A::LearnKeys | A::GiveKey | A::JudgeOwn => false,
            A::Submit => true,
            // A body needs a reason and a record of the look; no command of today takes one.
            A::ReadContent => false,
            A::Process | A::RequestCode | A::OpenAtPortal | A::Reply => false,
            A::KeepWatch | A::KeepReports | A::ManageOrganisations | A::RotateKeys | A::InspectHeader => false,
            A::ReadCertificates | A::OrderCertificates => true,
            A::ReadSuppressions | A::ManageSuppressions => true,
        },
        Principal::Host { .. } => match action {
            A::ManageOrganisations | A::RotateKeys => true,
            A::ReadKeys | A::ManageKeys | A::LearnKeys | A::ManageOrgKeys | A::GiveKey | A::JudgeOwn => false,
            A::Submit | A::Process | A::ReadTimeline | A::ReadContent | A::JudgeHeld | A::ReadReceipts => false,
            A::ReadLedger | A::ReadQueue | A::ReadPolicy | A::ManageCredentials => false,
            A::EraseMessage | A::RequestCode | A::OpenAtPortal | A::Reply => false,
            A::ReadWatch | A::ReadReports | A::KeepWatch | A::KeepReports => false,
            A::InspectHeader | A::ManageQueue | A::ReadSuppressions | A::ManageSuppressions => false,
            A::ReadCertificates | A::OrderCertificates => false,
        },
        Principal::System { .. } => match action {
            A::Process | A::ReadContent | A::ReadPolicy | A::ReadQueue | A::ReadLedger => true,
            A::ReadKeys | A::LearnKeys | A::ReadWatch | A::ReadReports | A::KeepWatch | A::KeepReports => true,
            A::ManageKeys | A::ManageOrgKeys | A::GiveKey | A::JudgeOwn => false,
            A::Submit | A::ReadTimeline | A::JudgeHeld | A::ReadReceipts | A::ManageCredentials => false,
            A::EraseMessage | A::InspectHeader | A::ManageQueue => false,
            A::ReadSuppressions | A::ManageSuppressions => false,
            A::RequestCode | A::OpenAtPortal | A::Reply | A::ManageOrganisations | A::RotateKeys => false,
            A::ReadCertificates | A::OrderCertificates => true,
        },
        Principal::Recipient { .. } => match action {
            A::RequestCode | A::OpenAtPortal | A::Reply | A::GiveKey | A::JudgeOwn => true,
            A::ReadKeys | A::ManageKeys | A::LearnKeys | A::ManageOrgKeys => false,
            A::Submit | A::Process | A::ReadTimeline | A::ReadContent | A::JudgeHeld | A::ReadReceipts => false,
            A::ReadLedger | A::ReadQueue | A::ReadPolicy | A::ManageCredentials => false,
            A::EraseMessage | A::ManageOrganisations | A::RotateKeys => false,
            A::ReadWatch | A::ReadReports | A::KeepWatch | A::KeepReports => false,
            A::InspectHeader | A::ManageQueue | A::ReadSuppressions | A::ManageSuppressions => false,
            A::ReadCertificates | A::OrderCertificates => false,
        },
    }
}

/// Nobody leaves the own organisation, and a recipient not the own copy.
fn within(principal: &Principal, resource: &Resource) -> bool {
    let same_org = match resource {
        Resource::Organisation(org) | Resource::Ledger(org) => principal.org() == Some(*org),
        Resource::Message(org, _) | Resource::Rehearsal(org, _) | Resource::Copy(org, _, _) => {
            principal.org() == Some(*org)
        }
        Resource::Deployment => principal.org().is_none(),
    };
    let own_copy = match (principal, resource) {
        (Principal::Recipient { org, message, recipient }, resource) => {
            *resource == Resource::Copy(*org, *message, *recipient)
        }
        _ => true,
    };
    same_org && own_copy
}

/// A test key sees and changes nothing that is real. Of the organisation as a
/// whole it is given only this: what it hands in is rehearsed, a list that it
/// reads holds rehearsals alone, and a header that it brings is its own.
fn is_rehearsed(principal: &Principal, action: Action, resource: &Resource) -> bool {
    if !matches!(principal, Principal::Application { test: true, .. }) {
        return true;
    }
    match resource {
        Resource::Rehearsal(..) => true,
        Resource::Organisation(_) => matches!(action, Action::Submit | Action::ReadQueue | Action::InspectHeader),
        Resource::Message(..) | Resource::Copy(..) | Resource::Ledger(_) | Resource::Deployment => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Submitter;

    const OURS: OrgId = OrgId(1);
    const THEIRS: OrgId = OrgId(2);
    const MESSAGE: MessageId = MessageId::from_bytes([1; 16]);
    const OTHER_MESSAGE: MessageId = MessageId::from_bytes([2; 16]);

    const ACTIONS: [Action; 32] = [
        Action::Submit,
        Action::Process,
        Action::ReadTimeline,
        Action::ReadContent,
        Action::JudgeHeld,
        Action::JudgeOwn,
        Action::EraseMessage,
        Action::ReadReceipts,
        Action::ReadLedger,
        Action::ReadQueue,
        Action::ManageQueue,
        Action::ReadPolicy,
        Action::ManageCredentials,
        Action::ReadKeys,
        Action::ManageKeys,
        Action::LearnKeys,
        Action::ManageOrgKeys,
        Action::GiveKey,
        Action::RequestCode,
        Action::OpenAtPortal,
        Action::Reply,
        Action::ReadWatch,
        Action::ReadReports,
        Action::KeepWatch,
        Action::KeepReports,
        Action::ReadCertificates,
        Action::OrderCertificates,
        Action::ManageOrganisations,
        Action::RotateKeys,
        Action::InspectHeader,
        Action::ReadSuppressions,
        Action::ManageSuppressions,
    ];

    fn resources(org: OrgId) -> [Resource; 6] {
        [
            Resource::Organisation(org),
            Resource::Message(org, MESSAGE),
            Resource::Rehearsal(org, MESSAGE),
            Resource::Copy(org, MESSAGE, 0),
            Resource::Ledger(org),
            Resource::Deployment,
        ]
    }

    fn application(org: OrgId, scopes: &[Scope]) -> Principal {
        let key = "key_01K00000000000000000000000".parse().unwrap();
        Principal::Application { org, key, scopes: scopes.to_vec(), test: false }
    }

    fn principals(org: OrgId) -> [Principal; 6] {
        [
            application(org, &Scope::ALL),
            Principal::Submission { org, by: Submitter::Credential("ehr".into()) },
            Principal::Operator { org, account: "root".into() },
            Principal::Host { account: "root".into() },
            Principal::System { org },
            Principal::Recipient { org, message: MESSAGE, recipient: 0 },
        ]
    }

    /// What a principal may do to anything of its own organisation.
    fn check(principal: &Principal, expect: &[Action]) {
        let resources = resources(OURS);
        let may = |action: &Action| resources.iter().any(|resource| authorize(principal, *action, resource).is_ok());
        let found: Vec<Action> = ACTIONS.into_iter().filter(may).collect();
        assert_eq!(found, expect, "{principal}");
    }

    #[test]
    fn each_principal_may_do_this_and_no_more() {
        use Action as A;
        let [all, submission, operator, host, system, recipient] = principals(OURS);
        check(
            &all,
            &[
                A::Submit,
                A::ReadTimeline,
                A::JudgeHeld,
                A::ReadReceipts,
                A::ReadQueue,
                A::InspectHeader,
                A::ReadSuppressions,
                A::ManageSuppressions,
            ],
        );
        check(&application(OURS, &[Scope::Send]), &[A::Submit]);
        check(&application(OURS, &[Scope::Read]), &[A::ReadTimeline, A::ReadReceipts, A::ReadQueue]);
        check(&application(OURS, &[Scope::Judge]), &[A::JudgeHeld]);
        check(&application(OURS, &[Scope::Inspect]), &[A::InspectHeader]);
        check(&application(OURS, &[Scope::ReadSuppressions]), &[A::ReadSuppressions]);
        check(&application(OURS, &[Scope::WriteSuppressions]), &[A::ManageSuppressions]);
        check(&submission, &[A::Submit]);
        check(
            &operator,
            &[
                A::Submit,
                A::ReadTimeline,
                A::JudgeHeld,
                A::EraseMessage,
                A::ReadReceipts,
                A::ReadLedger,
                A::ReadQueue,
                A::ManageQueue,
                A::ReadPolicy,
                A::ManageCredentials,
                A::ReadKeys,
                A::ManageKeys,
                A::ManageOrgKeys,
                A::ReadWatch,
                A::ReadReports,
                A::ReadCertificates,
                A::OrderCertificates,
                A::ReadSuppressions,
                A::ManageSuppressions,
            ],
        );
        check(&host, &[A::ManageOrganisations, A::RotateKeys]);
        check(
            &system,
            &[
                A::Process,
                A::ReadContent,
                A::ReadLedger,
                A::ReadQueue,
                A::ReadPolicy,
                A::ReadKeys,
                A::LearnKeys,
                A::ReadWatch,
                A::ReadReports,
                A::KeepWatch,
                A::KeepReports,
                A::ReadCertificates,
                A::OrderCertificates,
            ],
        );
        check(&recipient, &[A::JudgeOwn, A::GiveKey, A::RequestCode, A::OpenAtPortal, A::Reply]);
    }

    #[test]
    fn nobody_touches_another_organisation() {
        for principal in principals(OURS).iter().filter(|principal| principal.org().is_some()) {
            for action in ACTIONS {
                for resource in resources(THEIRS) {
                    assert_eq!(authorize(principal, action, &resource), Err(Forbidden), "{principal} {action:?}");
                }
            }
        }
    }

    #[test]
    fn the_host_touches_no_organisation() {
        let [_, _, _, host, ..] = principals(OURS);
        for action in ACTIONS {
            for resource in resources(OURS).into_iter().filter(|resource| *resource != Resource::Deployment) {
                assert_eq!(authorize(&host, action, &resource), Err(Forbidden), "{action:?} {resource:?}");
            }
        }
    }

    #[test]
    fn an_action_fits_one_kind_of_resource() {
        for action in ACTIONS {
            // A rehearsal is a message in all but this, that it reached nobody.
            let is_one = |resource: &&Resource| !matches!(resource, Resource::Rehearsal(..));
            let fitting = resources(OURS).iter().filter(is_one).filter(|resource| fits(action, resource)).count();
            assert_eq!(fitting, 1, "{action:?}");
            let [_, message, rehearsal, ..] = resources(OURS);
            assert_eq!(fits(action, &message), fits(action, &rehearsal), "{action:?}");
        }
    }

    #[test]
    fn a_test_key_reaches_nothing_that_is_real() {
        let key = "key_01K00000000000000000000000".parse().unwrap();
        let test = Principal::Application { org: OURS, key, scopes: Scope::ALL.to_vec(), test: true };
        let of = |resource: Resource| -> Vec<Action> {
            ACTIONS.into_iter().filter(|action| authorize(&test, *action, &resource).is_ok()).collect()
        };
        let judged = [Action::ReadTimeline, Action::JudgeHeld, Action::ReadReceipts];
        assert_eq!(of(Resource::Rehearsal(OURS, MESSAGE)), judged);
        assert_eq!(of(Resource::Organisation(OURS)), [Action::Submit, Action::ReadQueue, Action::InspectHeader]);
        for real in [Resource::Message(OURS, MESSAGE), Resource::Copy(OURS, MESSAGE, 0), Resource::Ledger(OURS)] {
            assert_eq!(of(real), [], "{real:?}");
        }
        assert_eq!(of(Resource::Rehearsal(THEIRS, MESSAGE)), []);
    }

    #[test]
    fn a_recipient_opens_the_own_copy_only() {
        let recipient = Principal::Recipient { org: OURS, message: MESSAGE, recipient: 0 };
        let open = |resource| authorize(&recipient, Action::OpenAtPortal, &resource);
        assert_eq!(open(Resource::Copy(OURS, MESSAGE, 0)), Ok(()));
        assert_eq!(open(Resource::Copy(OURS, MESSAGE, 1)), Err(Forbidden));
        assert_eq!(open(Resource::Copy(OURS, OTHER_MESSAGE, 0)), Err(Forbidden));
        assert_eq!(open(Resource::Copy(THEIRS, MESSAGE, 0)), Err(Forbidden));
    }
}
