# Every word of the recipient's pages.

## Frame
site-title = Secure messages from { $clinic }
call-us = Questions? Call { $clinic }:
call-us-known = Questions? Call { $clinic } at the number you know.
phone-known = the number you know
is-it-us = Is this really us?
languages = Languages

## The link from the notice
landing-heading = You have a secure message
landing-lead = { $clinic } sent you a message. It stays here, and only you can open it.
landing-how = We first e-mail a six-digit code to the address where you received this link, to make sure that it is you. No account, no password.
landing-button = Send me a code
landing-have-code = I already have a code

## Entering the code
code-heading = Enter your code
code-lead = If this link still works, a code is on its way to your mailbox. The mail comes from { $clinic }, and its subject begins with the code.
code-life = A code works once, for 10 minutes.
code-label = Six-digit code
code-button = Open the message
code-wrong = That code is not right, or it no longer works. Check the latest mail, or get another code below.
code-none = No code?
code-none-wait = It can take a minute or two. Look in your junk mail too.
code-none-more = At most five codes are sent in an hour.
code-another = Send me another code
code-none-old = The message may have expired, or the link may be used up after too many wrong codes. Then only { $clinic } can help.
again-button = Ask the clinic to send it again

## The passphrase
passphrase-heading = One more step
passphrase-lead = This message is also protected by a passphrase. You agreed on it with { $clinic }, or they told you another way.
passphrase-hint = Their hint: { $hint }
passphrase-label = Passphrase
passphrase-button = Open the message
passphrase-wrong = That is not the passphrase. Capital letters do not matter; spelling does.
passphrase-left = { $tries } tries are left.
passphrase-left-one = One try is left.
passphrase-forgotten = You don’t know it? Call { $clinic } at { $phone }.

## The message
message-title = Your message
message-from = From
message-sent = Sent
message-no-subject = (no subject)
message-empty = This message has no text.
message-frame = The text of the message
message-own-page = Show the text on a page of its own, to read or print it
message-simple = The layout of this message can’t be shown safely. This is its text.
message-nested = Attached message
message-files = Files
message-file-name = Unnamed file
message-until = You can read this message until { $until }.
message-idle = For your privacy, this page closes after 15 minutes without use. You can come back with a new code.
message-close = Close the message
size-bytes = { $size } bytes
size-kb = { $size } KB
size-mb = { $size } MB

## Where the way ends for now
expired-heading = This message has expired
expired-lead = It could be read until { $until }. { $clinic } can send it again.
gone-heading = This message is no longer here
gone-lead = { $clinic } has removed it. They can send it again.
locked-heading = Too many wrong tries
locked-lead = To protect you, this message can no longer be opened. { $clinic } can send it again.
lacks-heading = A passphrase is missing
lacks-lead = This message needs a passphrase, and { $clinic } has not set one yet. Please call them at { $phone }.
again-heading = We have told the clinic
again-lead = If this link is one of ours, { $clinic } now knows that you want the message again. You will get a new mail when they send it.
again-call = In a hurry? Call { $phone }.
closed-heading = The message is closed
closed-lead = You can open it again with a new code, as long as it is kept here.
closed-button = Open it again

## The recipient's own key
message-key = Use your own encryption key for messages from us
key-heading = Your own key
key-lead = If your mail program uses OpenPGP or S/MIME, { $clinic } can seal messages to your key. Then they come straight to your mailbox, and only you can read them.
key-unproven = You opened this message with a code that came by ordinary mail. To add a key, we need to be surer that it is you. Please call { $clinic } at { $phone }: they can send you a message with a passphrase, or take your key themselves.
key-file = A file with your public key or certificate
key-text = Or paste it here
key-which = It must be for { $address }.
key-button = Use this key
key-public = We only ever need the public part. Never give anybody your private key.
key-proof-heading = Show that it is yours
key-proof-lead = We have sent a mail to { $address } that only this key opens. Open it in your mail program, and enter the code that is inside.
key-proof-label = The code inside
key-proof-life = It works once, for an hour.
key-proof-button = It is mine
key-withdraw = Give another key
key-given = Keys that you gave
key-openpgp = OpenPGP
key-smime = S/MIME
key-since = Given on { $day }.
key-active = Messages are sealed to it.
key-held = It waits until { $clinic } accepts it.
key-remove = Remove this key
key-back = Back to the message
key-note-held = Thank you. { $clinic } looks at your key before it is used. We have told you by mail, too.
key-note-kept = Thank you. From now on messages can be sealed to your key. We have told you by mail, too.
key-note-removed = The key was removed. We have told you by mail, too.
key-note-wrong = That code is not right. Please enter the code in the newest sealed mail, or give the key again.
key-note-empty = Please choose a file, or paste your key.
key-note-unreadable = We could not read one key in that. Please give the file with your public key or certificate, and nothing else.
key-note-often = That was too often for today. Please try again tomorrow, or call { $clinic } at { $phone }.
key-note-private = That is a private key. Keep it to yourself: we did not store it. Please give the public key or the certificate.
key-note-other = That key is not for { $address }. Please give a key that names this address.
key-note-unusable = That key can’t be used: it has ended, was withdrawn, or is too weak to seal messages.
key-note-rejected = { $clinic } has decided not to use that key. Call them at { $phone } if you think that is wrong.
key-note-many = There are too many keys for your address. Please remove one first.

## Is it really us?
verify-heading = Is this mail really from us?
verify-lead = { $clinic } sends secure messages as a mail with one button. You can check here whether a link in a mail leads to us.
verify-label = Copy the link or the sender’s address from the mail and paste it here
verify-hint = Don’t open the link first. Hold it, or right-click it, and choose “Copy link”.
verify-button = Check it
verify-ours-heading = This link leads to us
verify-ours = It leads to { $host }, where { $clinic } keeps secure messages. It is safe to open.
verify-foreign-heading = This link does not lead to us
verify-foreign = Please don’t open it, and don’t enter anything there. Call { $clinic } at { $phone } and tell them about it.
verify-sender-heading = We do use this address
verify-sender = But a sender’s address can be faked. Please check the link in the mail too.
verify-sender-foreign-heading = This is not an address of ours
verify-sender-foreign = { $clinic } does not send from there. Please don’t open links in that mail; call { $phone } if you are not sure.
verify-unclear-heading = We can’t tell
verify-unclear = That is neither a web link nor a mail address. Please copy the whole link from the mail.
verify-signs = How to know a real mail from us
verify-sign-link = Its one link begins with { $origin }
verify-sign-code = The code comes only after you ask for it on our page.
verify-sign-secret = We never ask for your code or passphrase by phone or by mail, and never for a card number.
verify-sign-call = When in doubt, call { $phone }.

## The front page
home-heading = Secure messages
home-lead = { $clinic } sends messages that are private here. To read yours, open the link in the mail that you got.
home-lost = Lost the mail? Call { $clinic } at { $phone }; they can send the message again.

## When something goes wrong
missing-heading = There is nothing at this address
missing-lead = The link may have been cut off in the mail. Please open it again from the mail, or copy the whole of it.
busy-heading = We can’t do that right now
busy-lead = Nothing is lost. Please try again in a minute.
busy-button = Try again
slow-heading = That was too fast
slow-lead = Too many requests came from your connection. Please wait a minute and try again.
foreign-heading = Please start from our page
foreign-lead = This request came from another site, so we did not act on it. Open the link in your mail again.
bad-heading = We could not read that
bad-lead = Please go back and try again.

## Dates
date = { $month } { $day }, { $year }
date-time = { $date }, { $time }
time-am = { $hour }:{ $minute } AM
time-pm = { $hour }:{ $minute } PM
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
