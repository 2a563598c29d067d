import { chooseCallbackMessages } from '../callback-messages.js'
import { agentPage, type CallbackPageOptions } from '../callback-page.js'

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
