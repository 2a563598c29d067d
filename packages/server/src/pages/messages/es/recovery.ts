import type { enRecovery } from '../en/recovery.js'
import { createNotice, phrase } from '../parts/phrase.js'

const all = {
  unneeded: 'Si has sido tú, no tienes que hacer nada.',
  action: 'Revisar la configuración de seguridad',
  otherwise:
    'Si no has sido tú, puede que otra persona tenga acceso a tu cuenta: cambia la contraseña y cierra todas las sesiones. Si no puedes iniciar sesión, elige «¿Has olvidado la contraseña?» en la página de inicio de sesión.',
}

const notice = createNotice(all)

const agents = {
  ...all,
  action: 'Revisar tus agentes',
  otherwise:
    'Si no has sido tú, puede que otra persona tenga acceso a tu cuenta: quita el agente, cambia la contraseña y cierra todas las sesiones.',
  optOut: 'Puedes desactivar estos correos en la página «Cuenta».',
}

const agentNotice = createNotice(agents)

const blockNotice = createNotice({
  action: agents.action,
  optOut: agents.optOut,
  unneeded: 'No tienes que hacer nada. Si ya no usas este agente, quítalo.',
})

/** The text of the pages for a forgotten password and for confirming an email address, in Spanish. */
export const esRecovery: typeof enRecovery = {
  newPasswordPage: {
    invite: {
      heading: 'Elige una contraseña',
      lead: (user, server) =>
        phrase`Tu nombre de usuario en ${server} es ${user}. A partir de ahora, inicia sesión con él y con esta contraseña.`,
    },
    reset: {
      heading: 'Elige una contraseña nueva',
      lead: (user, server) => phrase`Es para la cuenta ${user} en ${server}. Se cerrarán todas tus sesiones.`,
    },
  },
  setPassword: 'Establecer la contraseña',
  passkeyInstead: 'O usa una llave de acceso',
  forgotHeading: '¿Has olvidado la contraseña?',
  forgotLead:
    'Introduce tu nombre de usuario. Si su correo electrónico está confirmado, enviaremos allí un enlace para elegir una contraseña nueva.',
  sendLink: 'Enviar el enlace',
  forgotThrottled: 'Demasiados intentos desde tu red. Inténtalo más tarde.',
  checkEmail: 'Revisa tu correo',
  linkSent:
    'Si hay una cuenta con este nombre de usuario y un correo electrónico confirmado, hemos enviado allí un enlace. Funciona durante 20 minutos.',
  noLink: (whom) =>
    phrase`Si no llega ningún correo en unos minutos, mira en la carpeta de correo no deseado o pide una contraseña nueva a ${whom}.`,
  confirmEmail: {
    heading: 'Confirma tu correo electrónico',
    lead: (email, server) =>
      phrase`¿Es ${email} tu dirección para tu cuenta en ${server}? Confírmala solo si la introdujiste allí.`,
    action: 'Confirmar esta dirección',
  },
  emails: {
    reset: {
      subject: (server) => `Tu contraseña nueva para ${server}`,
      before: (server, user) => [
        `Has pedido una contraseña nueva para tu cuenta ${user} en ${server}.`,
        'Para elegirla, abre este enlace en los próximos 20 minutos. Funciona una sola vez.',
      ],
      action: 'Elegir una contraseña nueva',
      after: [
        'Si no lo has pedido tú, no hagas nada: tu contraseña sigue siendo la misma. No des este enlace a nadie.',
      ],
    },
    confirm: {
      subject: (server) => `Confirma tu correo electrónico para ${server}`,
      before: (server) => [
        `Alguien indicó tu correo electrónico para una cuenta en ${server}.`,
        'Si has sido tú, abre este enlace en el plazo de un día para confirmarlo. Después enviaremos allí enlaces si olvidas la contraseña.',
      ],
      action: 'Confirmar esta dirección',
      after: ['Si no has sido tú, no hagas nada: la dirección sigue sin confirmar.'],
    },
    password_changed: notice(
      'Se ha cambiado tu contraseña',
      (server, user) => `Se ha cambiado la contraseña de tu cuenta ${user} en ${server}.`,
    ),
    passkey_added: notice(
      'Se ha añadido una llave de acceso',
      (server, user) => `Se ha añadido una llave de acceso a tu cuenta ${user} en ${server}.`,
    ),
    passkey_removed: notice(
      'Se ha quitado una llave de acceso',
      (server, user) => `Se ha quitado una llave de acceso de tu cuenta ${user} en ${server}.`,
    ),
    factor_added: notice(
      'Verificación en dos pasos configurada',
      (server, user) =>
        `Se ha configurado la verificación en dos pasos con una aplicación de autenticación en tu cuenta ${user} en ${server}.`,
    ),
    factor_removed: notice(
      'Verificación en dos pasos desactivada',
      (server, user) => `Se ha desactivado la verificación en dos pasos en tu cuenta ${user} en ${server}.`,
    ),
    email_changed: {
      ...notice(
        'Se ha cambiado tu correo electrónico',
        (server, user) =>
          `Se ha cambiado el correo electrónico de tu cuenta ${user} en ${server}. Ya no enviaremos mensajes a esta dirección.`,
      ),
      after: [
        'Si no has sido tú, puede que otra persona tenga acceso a tu cuenta: inicia sesión, cambia la contraseña y el correo electrónico, y cierra todas las sesiones.',
      ],
    },
    device_connected: {
      ...notice(
        'Se ha conectado un dispositivo',
        (server, user) =>
          `Se ha conectado un dispositivo a tu cuenta ${user} en ${server}. Te preguntará antes de acceder a cualquier cosa.`,
      ),
      action: 'Revisar tus dispositivos',
      after: [
        'Si no has sido tú, desconecta el dispositivo en «Mis agentes», porque una contraseña nueva no lo desconecta. Después, cambia la contraseña y cierra todas las sesiones.',
      ],
    },
    identity_linked: notice(
      'Se ha vinculado un proveedor de inicio de sesión',
      (server, user) =>
        `Se ha vinculado a tu cuenta ${user} en ${server} una cuenta de otro proveedor, con la que se puede iniciar sesión.`,
    ),
    identity_unlinked: notice(
      'Se ha quitado un proveedor de inicio de sesión',
      (server, user) =>
        `Se ha quitado de tu cuenta ${user} en ${server} un proveedor con el que podías iniciar sesión.`,
    ),
    agent_allowed: agentNotice(
      'Se ha dado permiso a un agente nuevo',
      (server, user, about) =>
        `El agente ${about.agent} ha obtenido acceso a ${about.resource} con tu cuenta ${user} en ${server}.`,
    ),
    agent_blocked: blockNotice(
      'Se ha bloqueado un agente',
      (server, user, about) =>
        `La administración de ${server} ha bloqueado el agente ${about.agent}. Este agente no puede obtener ningún acceso nuevo con tu cuenta ${user}.`,
    ),
    new_device: notice(
      'Nuevo inicio de sesión',
      (server, user) =>
        `Alguien ha iniciado sesión en tu cuenta ${user} en ${server} con un navegador que no habíamos visto antes.`,
    ),
  },
}
