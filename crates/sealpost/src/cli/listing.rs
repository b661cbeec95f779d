//! The words of `sealpost message list`.

use clap::Args;
use flow::MessageState;
use mail::MessageId;

use super::Organisation;

/// `sealpost message list`.
#[derive(Debug, Args)]
pub struct MessageList {
    /// How many
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// Only those in this state: accepted, decided, held, refused, erased
    #[arg(long, value_parser = state)]
    pub state: Option<MessageState>,
    /// Only those of this stream
    #[arg(long)]
    pub stream: Option<String>,
    /// Only those of this campaign
    #[arg(long)]
    pub campaign: Option<String>,
    /// Only those with this tag
    #[arg(long)]
    pub tag: Option<String>,
    /// Only those older than this one
    #[arg(long, value_name = "ID")]
    pub before: Option<MessageId>,
    #[command(flatten)]
    pub organisation: Organisation,
}

fn state(text: &str) -> Result<MessageState, String> {
    let found = MessageState::ALL.into_iter().find(|state| state.word() == text);
    found.ok_or_else(|| "a state is accepted, decided, held, refused or erased".to_owned())
}
