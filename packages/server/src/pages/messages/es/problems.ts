import type { enProblems } from '../en/problems.js'
import { phrase } from '../parts/phrase.js'

/** The text of the problem pages, in Spanish. */
export const esProblems: typeof enProblems = {
  request_unknown: {
    heading: 'Este enlace no funciona',
    explanation: () => phrase`Está incompleto, es demasiado antiguo o no lo creó este servidor.`,
    advice: (agent) => phrase`Vuelve a ${agent} y empieza de nuevo.`,
  },
  link_invalid: {
    heading: 'Este enlace ya no funciona',
    explanation: () =>
      phrase`Puede que haya caducado o que ya se haya usado. Solo funciona una vez, en un navegador que acepte cookies.`,
    advice: () => phrase`Si aún lo necesitas, pide uno nuevo.`,
  },
  request_expired: {
    heading: 'Esta solicitud ha caducado',
    explanation: () =>
      phrase`Una solicitud permanece abierta durante un tiempo limitado. Esta caducó antes de recibir respuesta.`,
    advice: (agent) => phrase`Si aún lo quieres, vuelve a ${agent} e inténtalo de nuevo.`,
  },
  request_used: {
    heading: 'Esta solicitud está cerrada',
    explanation: () => phrase`Ya se respondió o se retiró. Una solicitud solo puede responderse una vez.`,
    advice: (agent) => phrase`Si aún necesitas algo, vuelve a ${agent} y empieza de nuevo.`,
  },
  request_allowed: {
    heading: 'Esta solicitud se permitió',
    explanation: () => phrase`Ya tenemos tu respuesta, y una solicitud solo puede responderse una vez.`,
    advice: (agent) => phrase`Puedes cerrar esta página. Si ${agent} sigue esperando, empieza de nuevo desde allí.`,
    retry: 'Ir a «Mis agentes»',
  },
  request_denied: {
    heading: 'Esta solicitud no se permitió',
    explanation: () => phrase`Ya se respondió, y no dio ningún acceso.`,
    advice: (agent) => phrase`Puedes cerrar esta página. Si cambias de opinión, empieza de nuevo desde ${agent}.`,
  },
  request_other_session: {
    heading: 'Continúa donde empezaste',
    explanation: () =>
      phrase`Esta solicitud solo puede responderse en el navegador que la abrió primero, mientras conserve sus cookies.`,
    advice: () =>
      phrase`Continúa en ese navegador o empieza de nuevo desde el agente. Si alguien te ha enviado este enlace, cierra la página.`,
  },
  request_other_user: {
    heading: 'Solo se puede responder desde otra cuenta',
    explanation: () =>
      phrase`El agente que envió esta solicitud actúa por una sola persona, y has iniciado sesión con otra cuenta. La solicitud sigue abierta para esa persona.`,
    advice: () =>
      phrase`Si el agente es tuyo, cambia a la cuenta con la que lo usas. Si alguien te ha enviado este enlace, cierra la página.`,
  },
  request_agent_bound: {
    heading: 'El agente actúa por otra persona',
    explanation: () =>
      phrase`Otra persona permitió algo a este agente antes que tú, y el agente solo puede actuar por una persona. Tu respuesta no le dio ningún acceso.`,
    advice: () =>
      phrase`Si le diste permiso antes con otra cuenta, empieza de nuevo desde el agente e inicia sesión con esa cuenta. Si no, pide a quien gestiona el agente que prepare uno aparte para ti.`,
  },
  request_invalid: {
    heading: 'Esta solicitud no se puede usar',
    explanation: (agent) => phrase`Vienes de ${agent} con una solicitud que no podemos usar.`,
    advice: (agent) => phrase`Vuelve a ${agent}, que recibirá los detalles del error.`,
  },
  request_too_soon: {
    heading: 'Hemos rechazado esta solicitud por ti',
    explanation: (agent) => phrase`Elegiste «No permitir», y ${agent} volvió a pedir lo mismo demasiado pronto.`,
    advice: (agent, until) =>
      phrase`Puede volver a pedírtelo a partir del ${until}. Si has cambiado de opinión, empieza entonces de nuevo desde ${agent}.`,
  },
  client_unknown: {
    heading: 'No podemos saber quién lo solicita',
    explanation: () =>
      phrase`El programa que te ha enviado aquí no está registrado en este servidor, y no hemos podido usar los datos que deberían publicarse sobre él.`,
    advice: () =>
      phrase`Inténtalo más tarde. Si no sirve de nada, contacta con quienes gestionan este servidor e indícales la referencia de abajo.`,
  },
  redirect_mismatch: {
    heading: 'Este enlace no coincide con la solicitud',
    explanation: () =>
      phrase`La dirección a la que te enviaría falta o no es la que nos dio el agente. Nos hemos detenido para protegerte.`,
    advice: (agent) => phrase`Vuelve a ${agent} y empieza de nuevo. Si ocurre dos veces, no te fíes del enlace.`,
  },
  csrf: {
    heading: 'No hemos podido confirmar que eras tú',
    explanation: () =>
      phrase`El formulario era demasiado antiguo, tu navegador no envió sus cookies o el formulario lo envió otro sitio. No lo hemos usado.`,
    advice: () => phrase`Abre la página de nuevo y responde allí.`,
    retry: 'Abrir la página de nuevo',
  },
  account_changed: {
    heading: 'Ahora has iniciado sesión con otra cuenta',
    explanation: () =>
      phrase`La página a la que respondiste era para otra cuenta, así que no hemos usado tu respuesta.`,
    advice: () => phrase`Continúa con esta cuenta o inicia sesión con la otra.`,
  },
  sign_in_changed: {
    heading: 'Tu inicio de sesión ha cambiado',
    explanation: () =>
      phrase`Mientras tanto, cerraste la sesión o cambió tu forma de iniciarla. No hemos seguido adelante.`,
    advice: () => phrase`Inténtalo de nuevo. Si no has cambiado nada, revisa la página de seguridad de tu cuenta.`,
    retry: 'Intentar de nuevo',
  },
  bad_form: {
    heading: 'Algo en el formulario no era correcto',
    explanation: () => phrase`Una parte del formulario faltaba o no era lo que esperábamos, así que no lo hemos usado.`,
    advice: (agent) => phrase`Abre la página de nuevo. Si no sirve de nada, vuelve a ${agent} y empieza de nuevo.`,
    retry: 'Abrir la página de nuevo',
  },
  not_found: {
    heading: 'No se ha encontrado la página',
    explanation: () => phrase`Puede que la dirección esté mal escrita o que la página ya no exista.`,
    advice: () => phrase`Comprueba la dirección o vuelve al lugar desde el que llegaste.`,
    retry: 'Ir a «Mis agentes»',
  },
  method_not_allowed: {
    heading: 'Esta página no se puede abrir así',
    explanation: () => phrase`Se ha abierto de una forma para la que no está hecha.`,
    advice: (agent) => phrase`Vuelve a ${agent} y empieza de nuevo.`,
  },
  policy_forbids: {
    heading: 'La administración de este servidor no lo permite',
    explanation: (agent) => phrase`Lo que ha pedido ${agent} no está permitido en este servidor.`,
    advice: () =>
      phrase`Si lo necesitas, consulta a la administración de este servidor e indica la referencia de abajo.`,
    retry: 'Volver',
  },
  too_many_permissions: {
    heading: 'Este agente ya tiene demasiados permisos',
    explanation: (agent) => phrase`No se pueden dar a ${agent} más de 256 permisos distintos en un mismo lugar.`,
    advice: () => phrase`Quítale el acceso en «Mis agentes» y empieza de nuevo.`,
    retry: 'Ir a «Mis agentes»',
  },
  too_many_requests: {
    heading: 'Demasiados intentos',
    explanation: () => phrase`Ha habido muchos intentos en poco tiempo, así que estamos esperando un poco.`,
    advice: () => phrase`Espera unos minutos e inténtalo de nuevo.`,
  },
  temporarily_unavailable: {
    heading: 'Lo sentimos, ahora mismo no podemos responder',
    explanation: () => phrase`El problema es nuestro, no tuyo.`,
    advice: () => phrase`Espera un momento e inténtalo de nuevo.`,
  },
  server_error: {
    heading: 'Lo sentimos, algo ha fallado por nuestra parte',
    explanation: () => phrase`El error es nuestro, no tuyo.`,
    advice: () => phrase`Inténtalo de nuevo. Si sigue ocurriendo, indícanos la referencia de abajo.`,
  },
}
