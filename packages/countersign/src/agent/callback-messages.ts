import type { CallbackProblem } from '../editions/agent-protocol.js'

/** How a consent ended, as the person sees it on the agent's callback page. */
export type CallbackOutcome = 'allowed' | 'denied' | 'failed' | 'refused'

/** Why an answer was not used. */
export type RefusedAnswer = CallbackProblem | 'other_person'

export interface CallbackMessages {
  lang: 'en' | 'ar'
  dir: 'ltr' | 'rtl'
  titles: Readonly<Record<CallbackOutcome, string>>
  /** What happened; of what was refused, `refusals` say it. */
  texts: Readonly<Record<Exclude<CallbackOutcome, 'refused'>, string>>
  refusals: Readonly<Record<RefusedAnswer, string>>
  /** What happens next, where there is no way back to show: nothing more here, or once more. */
  close: string
  again: string
  /** A link to the agent's own page; `{host}` is its host. */
  back: string
}

const warning =
  'If somebody sent you the link that led here, they may want to get at what is yours through you. They got nothing. ' +
  'If you allowed something, take it back at the server where you allowed it.'

const en: CallbackMessages = {
  lang: 'en',
  dir: 'ltr',
  titles: {
    allowed: 'It worked',
    denied: 'Nothing was allowed',
    failed: 'It didn’t work',
    refused: 'Please start again',
  },
  texts: {
    allowed: 'The agent has what it needs, and goes on.',
    denied: 'The agent was told that you said no.',
    failed: 'You decided, but the agent could not finish.',
  },
  refusals: {
    unknown: 'Nothing here waits for this answer. It was used already, or its time is over.',
    no_owner: `The agent does not know this browser, so the answer was not used. ${warning}`,
    other_owner: `This was started in another browser, so the answer was not used. ${warning}`,
    other_server: 'This answer does not come from the server that was asked.',
    malformed: 'This answer is not complete, or has a part twice.',
    other_person:
      'This agent acts for somebody else, so what you allowed was not kept: take it back at the server where you allowed it.',
  },
  close: 'You can close this page, and go back to the program or app where you started.',
  again: 'Go back to the program or app where you started, and try again.',
  back: 'Back to {host}',
}

const arWarning =
  'إذا أرسل إليك أحد الرابط الذي أوصلك إلى هنا، فربما يريد الوصول من خلالك إلى ما يخصك. لم يحصل على شيء. ' +
  'وإذا كنت قد سمحت بشيء، فألغِه في الخادم الذي سمحت به فيه.'

const ar: CallbackMessages = {
  lang: 'ar',
  dir: 'rtl',
  titles: { allowed: 'تم الأمر', denied: 'لم يُسمح بشيء', failed: 'لم ينجح الأمر', refused: 'ابدأ من جديد' },
  texts: {
    allowed: 'حصل الوكيل على ما يحتاج إليه، وسيتابع عمله.',
    denied: 'أُبلغ الوكيل بأنك رفضت.',
    failed: 'اتخذت قرارك، لكن الوكيل لم يتمكن من إكمال الأمر.',
  },
  refusals: {
    unknown: 'لا شيء هنا ينتظر هذه الإجابة. إما أنها استُخدمت من قبل، أو انتهى وقتها.',
    no_owner: `لا يعرف الوكيل هذا المتصفح، لذلك لم تُستخدم الإجابة. ${arWarning}`,
    other_owner: `بدأ هذا في متصفح آخر، لذلك لم تُستخدم الإجابة. ${arWarning}`,
    other_server: 'لم تأتِ هذه الإجابة من الخادم الذي سُئل.',
    malformed: 'هذه الإجابة غير كاملة، أو تكرر جزء منها.',
    other_person: 'يعمل هذا الوكيل لشخص آخر، لذلك لم يُحفظ ما سمحت به. ألغِه في الخادم الذي سمحت به فيه.',
  },
  close: 'يمكنك إغلاق هذه الصفحة والعودة إلى البرنامج أو التطبيق الذي بدأت منه.',
  again: 'عُد إلى البرنامج أو التطبيق الذي بدأت منه وحاول مرة أخرى.',
  back: 'العودة إلى {host}',
}

/** The language that a browser likes best, of the two; else English (RFC 9110 §12.5.4). */
export function chooseCallbackMessages(acceptLanguage: string | null): CallbackMessages {
  const ranges = (acceptLanguage ?? '').split(',', 50).map((range) => {
    const [, language = '', weight = '1'] = /^\s*([a-z]+)[^;]*(?:;\s*q=([\d.]+))?/i.exec(range) ?? []
    return { messages: [en, ar].find(({ lang }) => lang === language.toLowerCase()), weight: Number(weight) }
  })
  const best = ranges.toSorted((one, other) => other.weight - one.weight).find(({ messages }) => messages)
  return best && best.weight > 0 ? (best.messages ?? en) : en
}
