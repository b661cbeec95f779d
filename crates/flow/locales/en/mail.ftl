# The portal's mails. Nothing about health belongs in any of these texts.

phone-known = the number you know

notice-subject = { $clinic } has sent you a secure message
notice-lead = { $clinic } has sent you a secure message.
notice-button = Read the message
notice-text-button =
    To read it, open this page:
    { $link }
notice-how = We then mail a six-digit code to this address, to make sure that it is you. There is no account to make and no password to choose.
notice-until = You can read the message until { $until }.
notice-doubt = Not sure that this mail is really from us? Call { $clinic } at { $phone }, or see { $verify }
notice-no-reply = Please do not reply to this mail: nobody reads the replies.

reply-line =
    To answer safely, please use this page and not the reply button:
    { $link }

code-subject = { $code } is your code for the message from { $clinic }
code-lead = Your code for reading the message from { $clinic }:
code-life = Enter it on the page that asked for it. It works once, for 10 minutes.
code-secret = Give this code to nobody. { $clinic } never asks for it by phone or by mail.
code-doubt = You did not ask for a code? Then you need not do anything: without the code nobody can read the message. If you are worried, call { $clinic } at { $phone }.

sender-code-subject = { $code } is your code for a message that waits for you
sender-code-lead = Your code for deciding about a message that you sent:
sender-code-secret = Give this code to nobody. Nobody at { $clinic } asks for it by phone or by mail.
sender-code-doubt = You did not ask for a code? Then you need not do anything, and please tell your administrator.

held-subject = Held, needs you: your message
held-lead = Your message to the recipients below is held and has not been sent. Please read below what is needed.
held-rules = The rules of your organisation: { $rules }.
held-passphrase = The recipient's mail server does not protect mail well enough for a one-time code alone. Please agree a passphrase with the recipient by another way, such as a call, and send the message again with the header X-Sealpost-Passphrase, or ask your administrator to run: sealpost message passphrase { $message }
held-page = You can decide about it, or give a passphrase, on this page:
held-page-life = It first mails a code to this address. It works once, and only for some time.
held-message = Message: { $message }
held-nothing = This note holds nothing of what you wrote.

key-proof-subject = A code from { $clinic }, sealed to your key
key-proof-lead = You gave a key on the page of { $clinic }. That you can read this shows that it is yours. Enter this code on that page:
key-proof-life = It works once, for an hour, on the device that you gave the key with.
key-proof-doubt = It was not you? Then please do not enter the code, and call { $clinic } at { $phone }.

key-given-subject = A key was added for mail from { $clinic }
key-given-lead = On the page of { $clinic }, this key was given for your address. Messages to you can be sealed to it, so that only its holder reads them.
key-given-held = It is used once { $clinic } has accepted it.
key-removed-subject = A key was removed for mail from { $clinic }
key-removed-lead = On the page of { $clinic }, this key was removed. No more messages are sealed to it.
key-unwanted-subject = A key is no longer wanted for mail from { $clinic }
key-unwanted-lead = On the page of { $clinic }, somebody asked that messages no longer be sealed to this key.
key-unwanted-until = { $clinic } has accepted this key and decides. Until then messages may still be sealed to it. Can you not open them any more? Call { $phone }.
key-doubt = It was not you? Call { $clinic } at { $phone }.

date = { $month } { $day }, { $year }
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
