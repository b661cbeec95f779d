# Los correos del portal. Nada sobre salud debe figurar en estos textos.

phone-known = número que usted conoce

notice-subject = { $clinic } le ha enviado un mensaje seguro
notice-lead = { $clinic } le ha enviado un mensaje seguro.
notice-button = Leer el mensaje
notice-text-button =
    Para leerlo, abra esta página:
    { $link }
notice-how = Después le enviaremos un código de seis cifras a esta dirección, para asegurarnos de que es usted. No hace falta crear una cuenta ni elegir una contraseña.
notice-until = Puede leer el mensaje hasta el { $until }.
notice-doubt = ¿No está seguro de que este correo sea realmente nuestro? Llame a { $clinic } al { $phone } o consulte { $verify }
notice-no-reply = Por favor, no responda a este correo: nadie lee las respuestas.

reply-line =
    Para responder de forma segura, use esta página y no el botón de responder:
    { $link }

code-subject = { $code } es su código para el mensaje de { $clinic }
code-lead = Su código para leer el mensaje de { $clinic }:
code-life = Escríbalo en la página que se lo pidió. Sirve una sola vez, durante 10 minutos.
code-secret = No dé este código a nadie. { $clinic } nunca se lo pedirá por teléfono ni por correo.
code-doubt = ¿No pidió ningún código? Entonces no tiene que hacer nada: sin el código nadie puede leer el mensaje. Si le preocupa, llame a { $clinic } al { $phone }.

sender-code-subject = { $code } es su código para un mensaje que le espera
sender-code-lead = Su código para decidir sobre un mensaje que usted envió:
sender-code-secret = No dé este código a nadie. Nadie de { $clinic } se lo pedirá por teléfono ni por correo.
sender-code-doubt = ¿No pidió ningún código? Entonces no tiene que hacer nada; avise a su administrador, por favor.

held-subject = Retenido, se le necesita: su mensaje
held-lead = Su mensaje para los destinatarios de abajo está retenido y no se ha enviado. Lea abajo lo que hace falta.
held-rules = Las reglas de su organización: { $rules }.
held-passphrase = El servidor de correo del destinatario no protege el correo lo suficiente para un código de un solo uso. Acuerde con el destinatario una contraseña por otra vía, como una llamada, y envíe el mensaje de nuevo con el campo X-Sealpost-Passphrase, o pida a su administrador que ejecute: sealpost message passphrase { $message }
held-page = Puede decidir sobre él, o dar una contraseña, en esta página:
held-page-life = Primero envía un código a esta dirección. Funciona una sola vez y durante un tiempo limitado.
held-message = Mensaje: { $message }
held-nothing = Esta nota no contiene nada de lo que usted escribió.

key-proof-subject = Un código de { $clinic }, cifrado para su clave
key-proof-lead = Usted indicó una clave en la página de { $clinic }. Si puede leer esto, la clave es suya. Escriba este código en esa página:
key-proof-life = Sirve una vez, durante una hora, en el dispositivo con el que indicó la clave.
key-proof-doubt = ¿No ha sido usted? Entonces no escriba el código y llame a { $clinic } al { $phone }.

key-given-subject = Se ha añadido una clave para el correo de { $clinic }
key-given-lead = En la página de { $clinic } se indicó esta clave para su dirección. Los mensajes para usted se pueden cifrar con ella, de modo que solo los lea quien la tenga.
key-given-held = Se usa en cuanto { $clinic } la haya aceptado.
key-removed-subject = Se ha quitado una clave para el correo de { $clinic }
key-removed-lead = En la página de { $clinic } se quitó esta clave. Ya no se cifran mensajes con ella.
key-unwanted-subject = Una clave ya no se desea para el correo de { $clinic }
key-unwanted-lead = En la página de { $clinic } se pidió que ya no se cifren mensajes con esta clave.
key-unwanted-until = { $clinic } había aceptado esta clave y decide. Hasta entonces se pueden seguir cifrando mensajes con ella. ¿Ya no puede abrirlos? Llame al { $phone }.
key-doubt = ¿No ha sido usted? Llame a { $clinic } al { $phone }.

date = { $day } de { $month } de { $year }
month-1 = enero
month-2 = febrero
month-3 = marzo
month-4 = abril
month-5 = mayo
month-6 = junio
month-7 = julio
month-8 = agosto
month-9 = septiembre
month-10 = octubre
month-11 = noviembre
month-12 = diciembre
