import type { CallbackProblem } from '../editions/agent-protocol.js'
import { chooseLanguage } from '../lib/choose-language.js'

/** The outcome of a consent, as shown on the agent's callback page. */
export type CallbackOutcome = 'allowed' | 'denied' | 'failed' | 'refused'

/** Why a response was refused. */
export type CallbackRefusal = CallbackProblem | 'other_user'

export interface CallbackMessages {
  lang: 'en' | 'ar'
  dir: 'ltr' | 'rtl'
  titles: Readonly<Record<CallbackOutcome, string>>
  /** What happened. For refused responses, the text is in `refusals`. */
  texts: Readonly<Record<Exclude<CallbackOutcome, 'refused'>, string>>
  refusals: Readonly<Record<CallbackRefusal, string>>
  /** The next step if there is no link back: close the page, or start again. */
  close: string
  again: string
  /** The label of a link to the agent's own page; `{host}` is its host. */
  back: string
}

const warning =
  'If someone sent you the link that led here, they may be trying to get access to your data. They did not get it. ' +
  'If you allowed something, revoke it at the server where you allowed it.'

const en: CallbackMessages = {
  lang: 'en',
  dir: 'ltr',
  titles: {
    allowed: 'You’re done',
    denied: 'Nothing was allowed',
    failed: 'It didn’t work',
    refused: 'Please start again',
  },
  texts: {
    allowed: 'The agent received your approval and can continue.',
    denied: 'You denied this request, so it gave the agent no access.',
    failed: 'You decided, but the agent could not complete the request.',
  },
  refusals: {
    unknown: 'No request is waiting for this response. It was already used, or it has expired.',
    no_owner: `The agent does not recognize this browser, so the response was not used. ${warning}`,
    other_owner: `This request was started in another browser, so the response was not used. ${warning}`,
    other_server: 'This response came from an unexpected server.',
    malformed: 'This response has missing, duplicate or conflicting parameters.',
    other_user:
      'This agent acts for someone else, so your approval was not stored. Revoke it at the server where you gave it.',
  },
  close: 'You can close this page and return to where you started.',
  again: 'Return to where you started, and try again.',
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
    allowed: 'وصلت موافقتك إلى الوكيل، وسيتابع عمله.',
    denied: 'أُبلغ الوكيل بأنك رفضت.',
    failed: 'اتخذت قرارك، لكن الوكيل لم يتمكن من إكمال الأمر.',
  },
  refusals: {
    unknown: 'لا شيء هنا ينتظر هذه الإجابة. إما أنها استُخدمت من قبل، أو انتهى وقتها.',
    no_owner: `لا يعرف الوكيل هذا المتصفح، لذلك لم تُستخدم الإجابة. ${arWarning}`,
    other_owner: `بدأ هذا في متصفح آخر، لذلك لم تُستخدم الإجابة. ${arWarning}`,
    other_server: 'لم تأتِ هذه الإجابة من الخادم الذي سُئل.',
    malformed: 'في هذه الإجابة أجزاء ناقصة أو مكررة أو متعارضة.',
    other_user: 'يعمل هذا الوكيل لشخص آخر، لذلك لم يُحفظ ما سمحت به. ألغِه في الخادم الذي سمحت به فيه.',
  },
  close: 'يمكنك إغلاق هذه الصفحة والعودة إلى البرنامج أو التطبيق الذي بدأت منه.',
  again: 'عُد إلى البرنامج أو التطبيق الذي بدأت منه وحاول مرة أخرى.',
  back: 'العودة إلى {host}',
}

/** Returns the messages in whichever of the two languages the browser prefers. */
export function chooseCallbackMessages(acceptLanguage: string | null): CallbackMessages {
  return chooseLanguage(acceptLanguage, [en, ar])
}
