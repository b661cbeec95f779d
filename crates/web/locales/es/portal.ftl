# Todas las palabras de las páginas del destinatario.

## Marco
site-title = Mensajes seguros de { $clinic }
call-us = ¿Tiene preguntas? Llame a { $clinic }:
call-us-known = ¿Tiene preguntas? Llame a { $clinic } al número que usted conoce.
phone-known = número que usted conoce
is-it-us = ¿Somos realmente nosotros?
languages = Idiomas

## El enlace del aviso
landing-heading = Tiene un mensaje seguro
landing-lead = { $clinic } le ha enviado un mensaje. Se guarda aquí y solo usted puede abrirlo.
landing-how = Primero enviamos un código de seis cifras a la dirección donde recibió este enlace, para asegurarnos de que es usted. Sin cuenta ni contraseña.
landing-button = Enviarme un código
landing-have-code = Ya tengo un código

## El código
code-heading = Escriba su código
code-lead = Si este enlace todavía sirve, hay un código en camino a su correo. El mensaje viene de { $clinic } y su asunto empieza con el código.
code-life = Cada código sirve una sola vez, durante 10 minutos.
code-label = Código de seis cifras
code-button = Abrir el mensaje
code-wrong = Ese código no es correcto o ya no sirve. Mire el último correo o pida otro código más abajo.
code-none = ¿No le llega el código?
code-none-wait = Puede tardar uno o dos minutos. Mire también en el correo no deseado.
code-none-more = Se envían como máximo cinco códigos por hora.
code-another = Enviarme otro código
code-none-old = Quizá el mensaje haya caducado, o el enlace ya no sirva tras demasiados códigos equivocados. Entonces solo { $clinic } puede ayudarle.
again-button = Pedir a la clínica que lo envíe de nuevo

## La frase de acceso
passphrase-heading = Un paso más
passphrase-lead = Este mensaje está protegido además por una frase de acceso. La acordó con { $clinic }, o se la comunicaron por otro medio.
passphrase-hint = Su pista: { $hint }
passphrase-label = Frase de acceso
passphrase-button = Abrir el mensaje
passphrase-wrong = Esa no es la frase de acceso. Las mayúsculas no importan; la ortografía, sí.
passphrase-left = Quedan { $tries } intentos.
passphrase-left-one = Queda un intento.
passphrase-forgotten = ¿No la sabe? Llame a { $clinic } al { $phone }.

## El mensaje
message-title = Su mensaje
message-from = De
message-sent = Enviado
message-no-subject = (sin asunto)
message-empty = Este mensaje no tiene texto.
message-frame = El texto del mensaje
message-own-page = Mostrar el texto en una página aparte, para leerlo o imprimirlo
message-simple = El diseño de este mensaje no puede mostrarse con seguridad. Este es su texto.
message-nested = Mensaje adjunto
message-files = Archivos
message-file-name = Archivo sin nombre
message-until = Puede leer este mensaje hasta el { $until }.
message-idle = Para proteger su privacidad, esta página se cierra tras 15 minutos sin uso. Puede volver con un código nuevo.
message-close = Cerrar el mensaje
size-bytes = { $size } bytes
size-kb = { $size } KB
size-mb = { $size } MB

## Donde el camino termina por ahora
expired-heading = Este mensaje ha caducado
expired-lead = Se pudo leer hasta el { $until }. { $clinic } puede enviarlo de nuevo.
gone-heading = Este mensaje ya no está aquí
gone-lead = { $clinic } lo ha retirado. Puede enviarlo de nuevo.
locked-heading = Demasiados intentos equivocados
locked-lead = Para protegerle, este mensaje ya no se puede abrir. { $clinic } puede enviarlo de nuevo.
lacks-heading = Falta una frase de acceso
lacks-lead = Este mensaje necesita una frase de acceso y { $clinic } todavía no la ha fijado. Por favor, llame al { $phone }.
again-heading = Hemos avisado a la clínica
again-lead = Si este enlace es nuestro, { $clinic } ya sabe que usted quiere recibir el mensaje de nuevo. Le llegará un correo nuevo cuando lo envíe.
again-call = ¿Tiene prisa? Llame al { $phone }.
closed-heading = El mensaje está cerrado
closed-lead = Puede abrirlo otra vez con un código nuevo mientras se guarde aquí.
closed-button = Abrirlo otra vez

## La clave propia
message-key = Use su propia clave de cifrado para nuestros mensajes
key-heading = Su propia clave
key-lead = Si su programa de correo usa OpenPGP o S/MIME, { $clinic } puede cifrar los mensajes con su clave. Entonces llegan directamente a su buzón y solo usted puede leerlos.
key-unproven = Usted abrió este mensaje con un código que llegó por correo corriente. Para añadir una clave necesitamos más seguridad de que es usted. Llame a { $clinic } al { $phone }: pueden enviarle un mensaje con una frase de acceso o recibir su clave directamente.
key-file = Un archivo con su clave pública o su certificado
key-text = O péguelo aquí
key-which = Debe ser para { $address }.
key-button = Usar esta clave
key-public = Solo necesitamos la parte pública. No dé nunca a nadie su clave privada.
key-proof-heading = Demuestre que es suya
key-proof-lead = Hemos enviado a { $address } un correo que solo se abre con esta clave. Ábralo en su programa de correo y escriba el código que contiene.
key-proof-label = El código que contiene
key-proof-life = Sirve una vez, durante una hora.
key-proof-button = Es mía
key-withdraw = Dar otra clave
key-given = Claves que usted dio
key-openpgp = OpenPGP
key-smime = S/MIME
key-since = Dada el { $day }.
key-active = Los mensajes se cifran con ella.
key-held = Espera a que { $clinic } la acepte.
key-remove = Quitar esta clave
key-back = Volver al mensaje
key-note-held = Gracias. { $clinic } revisa su clave antes de usarla. También se lo hemos comunicado por correo.
key-note-kept = Gracias. Desde ahora los mensajes se pueden cifrar con su clave. También se lo hemos comunicado por correo.
key-note-removed = La clave se ha quitado. También se lo hemos comunicado por correo.
key-note-wrong = Ese código no es correcto. Escriba el código del correo cifrado más reciente o dé la clave otra vez.
key-note-empty = Elija un archivo o pegue su clave.
key-note-unreadable = No hemos podido leer una clave ahí. Dé el archivo con su clave pública o su certificado, y nada más.
key-note-often = Han sido demasiadas veces por hoy. Inténtelo mañana o llame a { $clinic } al { $phone }.
key-note-private = Eso es una clave privada. Guárdela para usted: no la hemos almacenado. Dé la clave pública o el certificado.
key-note-other = Esa clave no es para { $address }. Dé una clave que nombre esta dirección.
key-note-unusable = Esa clave no se puede usar: ha caducado, se ha retirado o es demasiado débil para cifrar mensajes.
key-note-rejected = { $clinic } ha decidido no usar esa clave. Llame al { $phone } si cree que es un error.
key-note-many = Hay demasiadas claves para su dirección. Quite una primero.

## ¿Somos realmente nosotros?
verify-heading = ¿Este correo es realmente nuestro?
verify-lead = { $clinic } envía los mensajes seguros en un correo con un solo botón. Aquí puede comprobar si un enlace de un correo lleva a nosotros.
verify-label = Copie del correo el enlace o la dirección del remitente y péguelo aquí
verify-hint = No abra antes el enlace. Manténgalo pulsado, o haga clic con el botón derecho, y elija «Copiar enlace».
verify-button = Comprobar
verify-ours-heading = Este enlace lleva a nosotros
verify-ours = Lleva a { $host }, donde { $clinic } guarda los mensajes seguros. Puede abrirlo sin riesgo.
verify-foreign-heading = Este enlace no lleva a nosotros
verify-foreign = Por favor, no lo abra ni escriba nada allí. Llame a { $clinic } al { $phone } y cuénteselo.
verify-sender-heading = Sí usamos esta dirección
verify-sender = Pero la dirección del remitente se puede falsificar. Compruebe también el enlace del correo.
verify-sender-foreign-heading = Esta dirección no es nuestra
verify-sender-foreign = { $clinic } no envía desde allí. Por favor, no abra enlaces de ese correo; si tiene dudas, llame al { $phone }.
verify-unclear-heading = No podemos saberlo
verify-unclear = Eso no es un enlace ni una dirección de correo. Por favor, copie el enlace entero del correo.
verify-signs = Cómo reconocer un correo nuestro
verify-sign-link = Su único enlace empieza por { $origin }
verify-sign-code = El código llega solo después de que usted lo pida en nuestra página.
verify-sign-secret = Nunca le pedimos el código ni la frase de acceso por teléfono o por correo, y nunca un número de tarjeta.
verify-sign-call = En caso de duda, llame al { $phone }.

## La portada
home-heading = Mensajes seguros
home-lead = { $clinic } envía aquí mensajes privados. Para leer el suyo, abra el enlace del correo que recibió.
home-lost = ¿Perdió el correo? Llame a { $clinic } al { $phone }; pueden enviarle el mensaje de nuevo.

## Cuando algo falla
missing-heading = No hay nada en esta dirección
missing-lead = Quizá el enlace se cortó en el correo. Por favor, ábralo otra vez desde el correo o cópielo entero.
busy-heading = Ahora mismo no podemos hacerlo
busy-lead = No se ha perdido nada. Por favor, inténtelo de nuevo en un minuto.
busy-button = Intentar de nuevo
slow-heading = Eso fue demasiado rápido
slow-lead = Llegaron demasiadas solicitudes desde su conexión. Por favor, espere un minuto e inténtelo de nuevo.
foreign-heading = Por favor, empiece en nuestra página
foreign-lead = Esta solicitud vino de otro sitio, así que no hicimos nada. Abra de nuevo el enlace de su correo.
bad-heading = No pudimos leer eso
bad-lead = Por favor, vuelva atrás e inténtelo de nuevo.

## Fechas
date = { $day } de { $month } de { $year }
date-time = { $date }, { $time }
time-am = { $hour }:{ $minute } a. m.
time-pm = { $hour }:{ $minute } p. m.
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
