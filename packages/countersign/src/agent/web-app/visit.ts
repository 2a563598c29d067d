import { keptNowhere } from '../../node/keep-private.js'
import { looksAhead } from '../agent-handler.js'
import { agentPage, type CallbackPageOptions, chooseCallbackMessages } from '../callback-page.js'

/** One request of a browser, as its framework has it; `R` is the framework's own. */
export interface Visit<R> {
  request: R
  method: string
  /** Path and query, as they were asked for. */
  target: string
  header: (name: string) => string | undefined
  /** Adds `Set-Cookie` to the answer. */
  addCookie: (cookie: string) => void
}

export function isRead({ method }: Pick<Visit<unknown>, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Whether a browser goes to the page: neither a script nor another page asks for it. */
export function isNavigation({ header }: Pick<Visit<unknown>, 'header'>): boolean {
  return (header('sec-fetch-dest') ?? 'document') === 'document'
}

/** Whether a page of the app itself sent a request: browsers say so, and no other site can have them say it. */
export function isFromOwnPage({ header }: Visit<unknown>, origin: string): boolean {
  const site = header('sec-fetch-site')
  return site === undefined ? header('origin') === origin : site === 'same-origin'
}

/** The answer to what no person asked for on a page of the app; undefined: it may go on. */
export function refuseVisit(visit: Visit<unknown>, origin: string): Response | undefined {
  // Nobody is asked for what a browser only loads ahead.
  if (looksAhead(visit.header)) return new Response(null, { status: 503, headers: { 'cache-control': 'no-store' } })
  // Browsers send no cookie of ours with what other sites load, and keep none of its answer.
  const isLoadedElsewhere = visit.header('sec-fetch-site') === 'cross-site' && !isNavigation(visit)
  if (isLoadedElsewhere) return refuseForeign()
  return isRead(visit) || isFromOwnPage(visit, origin) ? undefined : refuseForeign()
}

export function refuseForeign(): Response {
  const why = 'Another site sent this request, so nothing was done. Go back and try again from the page itself.\n'
  return new Response(why, { status: 403, headers: { 'cache-control': 'no-store' } })
}

/** Leads a browser on: by GET, whatever it sent (303), or with all that it sent (307). */
export function redirect(location: string, cookies: readonly string[] = [], status: 303 | 307 = 303): Response {
  const headers = new Headers({ location, 'cache-control': keptNowhere })
  for (const each of cookies) headers.append('set-cookie', each)
  return new Response(null, { status, headers })
}

interface VisitMessages {
  noCookies: string
  busy: string
  /** Why nobody can be asked. */
  why: string
  /** `{when}` is such as "in 2 minutes". */
  wait: string
}

const messages: Readonly<Record<'en' | 'ar', VisitMessages>> = {
  en: {
    noCookies:
      'Your browser sends no cookies back, so the agent cannot tell what is yours. Allow cookies for this page, and try again.',
    busy: 'Please try again later',
    why: 'Too many people are asked at the moment, so you could not be asked.',
    wait: 'Try again {when}.',
  },
  ar: {
    noCookies:
      'لا يعيد متصفحك ملفات تعريف الارتباط، لذلك لا يستطيع الوكيل أن يعرف ما يخصك. اسمح بها لهذه الصفحة، ثم حاول مرة أخرى.',
    busy: 'حاول مرة أخرى لاحقًا',
    why: 'يُسأل الآن عدد كبير من الأشخاص، لذلك تعذّر سؤالك.',
    wait: 'حاول مرة أخرى {when}.',
  },
}

/** Why a browser without cookies is asked for nothing, in its language. */
export function describeNoCookies(language: string | null): string {
  return messages[chooseCallbackMessages(language).lang].noCookies
}

/** For a person who cannot be asked at the moment: says when to try again. */
export function busyPage(options: CallbackPageOptions, retryAfter: number): Response {
  const { again, ...own } = chooseCallbackMessages(options.language)
  const { busy, why, wait } = messages[own.lang]
  const when = new Intl.RelativeTimeFormat(own.lang).format(Math.ceil(retryAfter / 60), 'minute')
  const page = agentPage(
    {
      ...own,
      state: 'busy',
      status: 503,
      drawing: 'M12 6v6l4 3M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0',
      title: busy,
      texts: [why, wait.replace('{when}', when)],
      next: again,
    },
    options,
  )
  page.headers.set('retry-after', String(retryAfter))
  return page
}
