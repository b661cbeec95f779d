//! Replies as the pages send them: begun once a form, taken once a form.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mail::MessageId;
use tokio::sync::OwnedMutexGuard;

use super::desk::{Content, Found, NewReply};
use super::link::LinkId;
use super::reply::{FormToken, NotWritten, ReplyText, ReplyWriter};
use super::rules::{Refusal, Stage};
use super::service::{CONFLICTS_MAX, Caller, Portal, PortalError, ReplyForm, Step, Visit};
use super::session::SessionToken;
use crate::listener::TlsFacts;

/// What became of a reply that was begun.
pub enum Begun {
    /// There is no session that could reply, or the form is another's.
    NoSession,
    /// So many replies were begun that there can be no more for now.
    TooMany,
    /// No replies are taken, or the message is gone.
    Closed,
    /// The same form was sent before, and its reply is taken.
    Before,
    /// The files may come.
    Ready(Box<Replying>),
}

/// A reply that arrives. While it is there, the same form waits.
pub struct Replying {
    portal: Arc<Portal>,
    found: Found,
    message: MessageId,
    writer: ReplyWriter,
    _turn: OwnedMutexGuard<()>,
}

/// One at a time for each reply: a form that is sent twice at once becomes one
/// reply in this process; the store sees to it among several.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<MessageId, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    async fn take(&self, message: MessageId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(message).or_default().clone()
        };
        turn.lock_owned().await
    }
}

impl Portal {
    /// Begins a reply: from then on its files may come.
    pub async fn begin_reply(
        self: &Arc<Self>,
        caller: Caller,
        token: &SessionToken,
        form: &str,
        text: &ReplyText,
        tls: Option<TlsFacts>,
    ) -> Result<Result<Begun, NotWritten>, PortalError> {
        let Some(form) = FormToken::read(token, form) else { return Ok(Ok(Begun::NoSession)) };
        let (found, message) = match self.noted(caller, token, form.with(text)).await? {
            Ok(noted) => noted,
            Err(Refusal::TooManyReplies) => return Ok(Ok(Begun::TooMany)),
            Err(_) => return Ok(Ok(Begun::NoSession)),
        };
        let turn = self.turns.take(message).await;
        if self.desk.is_taken(&found.ticket, message).await? {
            return Ok(Ok(Begun::Before));
        }
        let with_passphrase = found.state.passphrase_required();
        let reply = NewReply { message, text, with_passphrase, peer: caller.peer, tls };
        let begun = self.desk.begin_reply(&found.ticket, reply).await?;
        Ok(match begun {
            None => Ok(Begun::Closed),
            Some(Err(why)) => Err(why),
            Some(Ok(writer)) => {
                let replying = Replying { portal: self.clone(), found, message, writer, _turn: turn };
                Ok(Begun::Ready(Box::new(replying)))
            }
        })
    }

    /// Notes the form in the link's state, before anything of the reply is taken.
    async fn noted(
        &self,
        caller: Caller,
        token: &SessionToken,
        form: FormToken,
    ) -> Result<Result<(Found, MessageId), Refusal>, PortalError> {
        for _ in 0..CONFLICTS_MAX {
            let now = self.clock.now();
            let Some(found) = self.desk.find(caller.link).await? else { return Ok(Err(Refusal::NoSession)) };
            let message = MessageId::new(now, self.entropy.as_ref());
            let (state, message) = match found.state.begin_reply(now, token, form, message) {
                Ok(begun) => begun,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if state == found.state || self.saved(found.clone(), Step::quiet(state, now)).await? {
                return Ok(Ok((found, message)));
            }
        }
        Err(PortalError::Contended)
    }

    /// Adds the form and what was sent to what the holder of a session may know.
    pub(super) async fn show_replies(
        &self,
        found: &Found,
        token: &SessionToken,
        visit: &mut Visit,
    ) -> Result<(), PortalError> {
        visit.reply = self
            .desk
            .offer(&found.ticket)
            .map(|offer| ReplyForm { token: FormToken::made(token, self.entropy.as_ref()), offer });
        for noted in found.state.replies() {
            if self.desk.is_taken(&found.ticket, noted.message).await? {
                visit.sent.push(noted.clone());
            }
        }
        Ok(())
    }

    /// Who holds that token, with the form `again` where the message is open.
    pub async fn form(&self, link: LinkId, token: &SessionToken, again: &str) -> Result<Option<Visit>, PortalError> {
        let Some(found) = self.desk.find(link).await? else { return Ok(None) };
        let Some(mut visit) = self.visit(link, token).await? else { return Ok(None) };
        if visit.stage == Stage::Open {
            self.show_replies(&found, token, &mut visit).await?;
        }
        if let Some(reply) = visit.reply.as_mut().filter(|_| FormToken::read(token, again).is_some()) {
            reply.token = again.to_owned();
        }
        Ok(Some(visit))
    }

    /// A reply as it was sent, for whom the message is open.
    pub async fn sent(
        &self,
        caller: Caller,
        token: &SessionToken,
        reply: MessageId,
    ) -> Result<Option<(Visit, Content)>, PortalError> {
        let Some(visit) = self.visit(caller.link, token).await? else { return Ok(None) };
        let Some(found) = self.desk.find(caller.link).await? else { return Ok(None) };
        let is_own = found.state.replies().iter().any(|noted| noted.message == reply);
        if visit.stage != Stage::Open || !is_own {
            return Ok(None);
        }
        Ok(self.desk.sent(&found.ticket, reply).await?.map(|content| (visit, content)))
    }
}

impl Replying {
    /// The next file begins.
    pub async fn file(&mut self, name: &str) -> Result<(), NotWritten> {
        self.writer.file(name).await
    }

    /// The next bytes of the file.
    pub async fn bytes(&mut self, bytes: &[u8]) -> Result<(), NotWritten> {
        self.writer.bytes(bytes).await
    }

    /// The reply is whole; it is durable where this says that it is taken.
    pub async fn finish(self) -> Result<Result<(), NotWritten>, PortalError> {
        match self.writer.finish().await {
            // Another node may have been first with the same form.
            Err(NotWritten::Refused(reply)) => {
                let is_taken = self.portal.desk.is_taken(&self.found.ticket, self.message).await?;
                Ok(if is_taken { Ok(()) } else { Err(NotWritten::Refused(reply)) })
            }
            done => Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use mail::Clock;

    use super::super::LinkState;
    use super::super::service::Entry;
    use super::super::testing::{FakeDesk, Seeded, SetClock, link, link_with};
    use super::*;

    const HERE: Caller = Caller { link: LinkId::from_bytes([1; 16]), peer: None };

    fn portal(state: LinkState) -> (Arc<FakeDesk>, Arc<SetClock>, Arc<Portal>) {
        let desk = FakeDesk::with(HERE.link, state);
        let clock = SetClock::new();
        let portal = Arc::new(Portal::new(desk.clone(), clock.clone(), Arc::new(Seeded::new(3))));
        (desk, clock, portal)
    }

    async fn entered(desk: &FakeDesk, portal: &Portal) -> SessionToken {
        portal.request_code(HERE, None).await.unwrap();
        match portal.enter_code(HERE, desk.last_code().digits()).await.unwrap() {
            Entry::Right(token, _) => token,
            Entry::Wrong => panic!("the code is right"),
        }
    }

    async fn form(portal: &Portal, token: &SessionToken) -> String {
        portal.read(HERE.link, token).await.unwrap().unwrap().0.reply.unwrap().token
    }

    fn text() -> ReplyText {
        ReplyText { topic: None, text: "Thank you.".into() }
    }

    async fn begun(portal: &Arc<Portal>, token: &SessionToken, form: &str) -> Begun {
        portal.begin_reply(HERE, token, form, &text(), None).await.unwrap().unwrap_or(Begun::Closed)
    }

    #[tokio::test]
    async fn a_form_that_is_sent_twice_is_one_reply() {
        let (desk, _, portal) = portal(link());
        let token = entered(&desk, &portal).await;
        let form = form(&portal, &token).await;
        let Begun::Ready(replying) = begun(&portal, &token, &form).await else { panic!("a reply") };
        let again = begun(&portal, &token, &form);
        let (sent, again) = tokio::join!(replying.finish(), again);
        assert!(sent.unwrap().is_ok() && matches!(again, Begun::Before));
        assert!(matches!(begun(&portal, &token, &form).await, Begun::Before));
        let other = ReplyText { topic: None, text: "And one more thing.".into() };
        let other = portal.begin_reply(HERE, &token, &form, &other, None).await.unwrap();
        assert!(matches!(other, Ok(Begun::Ready(_))), "whoever went back and wrote something else");
        assert_eq!(desk.taken.lock().unwrap().len(), 1);
        let (visit, _) = portal.read(HERE.link, &token).await.unwrap().unwrap();
        assert_eq!(visit.sent.len(), 1);
    }

    #[tokio::test]
    async fn a_reply_that_was_cut_may_be_sent_again() {
        let (desk, _, portal) = portal(link());
        let token = entered(&desk, &portal).await;
        let form = form(&portal, &token).await;
        drop(begun(&portal, &token, &form).await);
        assert_eq!(portal.read(HERE.link, &token).await.unwrap().unwrap().0.sent, []);
        desk.conflicts.store(2, Relaxed);
        let Begun::Ready(replying) = begun(&portal, &token, &form).await else { panic!("a reply") };
        assert!(replying.finish().await.unwrap().is_ok());
        assert_eq!(desk.state(HERE.link).replies().len(), 1);
    }

    #[tokio::test]
    async fn only_whom_the_message_is_open_to_replies() {
        let (desk, clock, portal) = portal(link_with("blue kettle"));
        let token = entered(&desk, &portal).await;
        let made = FormToken::made(&token, &Seeded::new(1));
        assert!(matches!(begun(&portal, &token, &made).await, Begun::NoSession), "the passphrase is asked first");
        portal.enter_passphrase(HERE, &token, "blue kettle").await.unwrap();
        assert!(matches!(begun(&portal, &token, "").await, Begun::NoSession), "a form that was not made here");
        assert!(matches!(begun(&portal, &token, &made).await, Begun::Ready(_)));
        clock.set(16 * 60);
        assert!(matches!(begun(&portal, &token, &made).await, Begun::NoSession), "the session is over");
    }

    #[tokio::test]
    async fn replies_have_an_end() {
        let (desk, clock, portal) = portal(link());
        let token = entered(&desk, &portal).await;
        for _ in 0..super::super::rules::REPLIES_MAX {
            let form = form(&portal, &token).await;
            let Begun::Ready(replying) = begun(&portal, &token, &form).await else { panic!("a reply") };
            replying.finish().await.unwrap().unwrap();
        }
        let form_of_one_more = form(&portal, &token).await;
        assert!(matches!(begun(&portal, &token, &form_of_one_more).await, Begun::TooMany));
        clock.set(25 * 3_600);
        let token = entered(&desk, &portal).await;
        let form = form(&portal, &token).await;
        assert!(matches!(begun(&portal, &token, &form).await, Begun::Ready(_)), "the next day");
    }

    #[tokio::test]
    async fn what_was_recalled_is_gone_from_open_sessions_too() {
        let (desk, clock, portal) = portal(link());
        let token = entered(&desk, &portal).await;
        desk.withdraw(HERE.link, clock.now());
        let (visit, content) = portal.read(HERE.link, &token).await.unwrap().unwrap();
        assert_eq!((visit.stage, content.is_none(), visit.reply), (Stage::Withdrawn, true, None));
        let made = FormToken::made(&token, &Seeded::new(1));
        assert!(matches!(begun(&portal, &token, &made).await, Begun::NoSession));
    }
}
