import { noStore } from '../../node/keep-private.js'
import { isPrefetch } from '../agent-handler.js'
import { type CallbackMessages, chooseCallbackMessages } from '../callback-messages.js'
import { agentPage, type CallbackPageOptions } from '../callback-page.js'

/** A browser's request, as its framework represents it; `R` is the framework's request type. */
export interface Visit<R> {
  request: R
  method: string
  /** Path and query, as requested. */
  target: string
  header: (name: string) => string | undefined
  /** Adds a `Set-Cookie` line to the response. */
  addCookie: (cookie: string) => void
}

export function isRead({ method }: Pick<Visit<unknown>, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Whether the browser is navigating to the page, as opposed to a script or another page loading it. */
export function isNavigation({ header }: Pick<Visit<unknown>, 'header'>): boolean {
  return (header('sec-fetch-dest') ?? 'document') === 'document'
}

/** Whether a page of the app itself sent the request. Browsers set the headers that show this, and other sites cannot forge them. */
export function isFromOwnPage({ header }: Pick<Visit<unknown>, 'header'>, origin: string): boolean {
  const site = header('sec-fetch-site')
  return site === undefined ? header('origin') === origin : site === 'same-origin'
}

/** Refuses a request that the user did not make from a page of the app; returns undefined if the request may proceed. */
export function refuseVisit(visit: Visit<unknown>, origin: string): Response | undefined {
  // A prefetch must not prompt the user.
  if (isPrefetch(visit.header)) return new Response(null, { status: 503, headers: { 'cache-control': 'no-store' } })
  // On cross-site subrequests, browsers neither send our cookies nor store the response's cookies.
  const isLoadedElsewhere = visit.header('sec-fetch-site') === 'cross-site' && !isNavigation(visit)
  if (isLoadedElsewhere) return refuseForeign()
  return isRead(visit) || isFromOwnPage(visit, origin) ? undefined : refuseForeign()
}

export function refuseForeign(): Response {
  const why =
    'This request did not come from a page of this site, so it was ignored. Go back and try again from the page itself.\n'
  return new Response(why, { status: 403, headers: { 'cache-control': 'no-store' } })
}

/** Redirects a browser: with GET, whatever the original method (303), or with the original method and body (307). */
export function redirect(location: string, cookies: readonly string[] = [], status: 303 | 307 = 303): Response {
  const headers = new Headers({ location, 'cache-control': noStore })
  for (const each of cookies) headers.append('set-cookie', each)
  return new Response(null, { status, headers })
}

interface VisitMessages {
  noCookies: string
  unavailable: string
  /** Why the user cannot be prompted. */
  why: string
  /** `{when}` is a relative time, such as "in 2 minutes". */
  wait: string
}

const messages: Readonly<Record<CallbackMessages['lang'], VisitMessages>> = {
  en: {
    noCookies:
      'Your browser does not send cookies, so the agent cannot recognize you. Allow cookies for this page and try again.',
    unavailable: 'Please try again later',
    why: 'The server is not available right now, so your request could not be started.',
    wait: 'Try again {when}.',
  },
  de: {
    noCookies:
      'Ihr Browser sendet keine Cookies, deshalb kann der Agent Sie nicht erkennen. Erlauben Sie Cookies für diese Seite, und versuchen Sie es noch einmal.',
    unavailable: 'Bitte versuchen Sie es später noch einmal',
    why: 'Der Server ist im Moment nicht verfügbar, deshalb konnte Ihre Anfrage nicht gestartet werden.',
    wait: 'Versuchen Sie es {when} noch einmal.',
  },
  fr: {
    noCookies:
      'Votre navigateur n’envoie pas de cookies, l’agent ne peut donc pas vous reconnaître. Autorisez les cookies pour cette page et réessayez.',
    unavailable: 'Veuillez réessayer plus tard',
    why: 'Le serveur n’est pas disponible pour le moment, votre demande n’a donc pas pu être lancée.',
    wait: 'Réessayez {when}.',
  },
  es: {
    noCookies:
      'Tu navegador no envía cookies, así que el agente no puede reconocerte. Permite las cookies en esta página e inténtalo de nuevo.',
    unavailable: 'Inténtalo más tarde',
    why: 'El servidor no está disponible en este momento, así que no se ha podido iniciar tu solicitud.',
    wait: 'Inténtalo de nuevo {when}.',
  },
  ja: {
    noCookies:
      'ブラウザが Cookie を送信しないため、エージェントがあなたを確認できません。このページの Cookie を許可して、もう一度お試しください。',
    unavailable: 'しばらくしてからもう一度お試しください',
    why: 'サーバーが現在利用できないため、リクエストを開始できませんでした。',
    wait: '{when}にもう一度お試しください。',
  },
  ar: {
    noCookies:
      'لا يرسل متصفحك ملفات تعريف الارتباط، لذلك لا يستطيع الوكيل التعرف عليك. اسمح بها لهذه الصفحة، ثم حاول مرة أخرى.',
    unavailable: 'حاول مرة أخرى لاحقًا',
    why: 'الخادم غير متاح الآن، لذلك تعذّر بدء طلبك.',
    wait: 'حاول مرة أخرى {when}.',
  },
}

/** Explains to the user, in the browser's language, why a browser without cookies is not redirected to the consent page. */
export function describeNoCookies(language: string | null): string {
  return messages[chooseCallbackMessages(language).lang].noCookies
}

/** The page for a user who cannot be prompted at the moment, with the time to retry. */
export function unavailablePage(options: CallbackPageOptions, retryAfter: number): Response {
  const { again, ...own } = chooseCallbackMessages(options.language)
  const { unavailable, why, wait } = messages[own.lang]
  const when = new Intl.RelativeTimeFormat(own.lang).format(Math.ceil(retryAfter / 60), 'minute')
  const page = agentPage(
    {
      ...own,
      state: 'unavailable',
      status: 503,
      drawing: 'M12 6v6l4 3M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0',
      title: unavailable,
      texts: [why, wait.replace('{when}', when)],
      next: again,
    },
    options,
  )
  page.headers.set('retry-after', String(retryAfter))
  return page
}
