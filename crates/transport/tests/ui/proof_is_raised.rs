use mail::Level;
use transport::Channel;

fn raise(channel: &mut Channel) {
    channel.proof().level = Level::Verified;
}

fn main() {}
