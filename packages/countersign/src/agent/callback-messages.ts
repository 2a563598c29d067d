import type { CallbackProblem } from '../editions/agent-protocol.js'
import { chooseLanguage } from '../lib/choose-language.js'

/** The outcome of a consent, as shown on the agent's callback page. */
export type CallbackOutcome = 'allowed' | 'denied' | 'failed' | 'refused'

/** Why a response was refused. */
export type CallbackRefusal = CallbackProblem | 'other_user'

export interface CallbackMessages {
  lang: 'en' | 'de' | 'fr' | 'es' | 'ja' | 'ar'
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

const deWarning =
  'Wenn Ihnen jemand den Link geschickt hat, der hierherführte, versucht diese Person vielleicht, Zugriff auf Ihre Daten zu bekommen. ' +
  'Sie hat keinen bekommen. Wenn Sie etwas erlaubt haben, widerrufen Sie es auf dem Server, auf dem Sie es erlaubt haben.'

const de: CallbackMessages = {
  lang: 'de',
  dir: 'ltr',
  titles: {
    allowed: 'Fertig',
    denied: 'Nichts wurde erlaubt',
    failed: 'Das hat nicht geklappt',
    refused: 'Bitte beginnen Sie noch einmal',
  },
  texts: {
    allowed: 'Der Agent hat Ihre Zustimmung erhalten und kann weitermachen.',
    denied: 'Sie haben diese Anfrage abgelehnt. Der Agent hat dadurch keinen Zugriff bekommen.',
    failed: 'Sie haben sich entschieden, aber der Agent konnte die Anfrage nicht abschließen.',
  },
  refusals: {
    unknown: 'Keine Anfrage wartet auf diese Antwort. Sie wurde schon verwendet oder ist abgelaufen.',
    no_owner: `Der Agent erkennt diesen Browser nicht, deshalb wurde die Antwort nicht verwendet. ${deWarning}`,
    other_owner: `Diese Anfrage wurde in einem anderen Browser begonnen, deshalb wurde die Antwort nicht verwendet. ${deWarning}`,
    other_server: 'Diese Antwort kam von einem unerwarteten Server.',
    malformed: 'In dieser Antwort fehlen Parameter, oder sie sind doppelt oder widersprüchlich.',
    other_user:
      'Dieser Agent handelt für jemand anderen, deshalb wurde Ihre Zustimmung nicht gespeichert. Widerrufen Sie sie auf dem Server, auf dem Sie sie gegeben haben.',
  },
  close: 'Sie können diese Seite schließen und dorthin zurückkehren, wo Sie begonnen haben.',
  again: 'Kehren Sie dorthin zurück, wo Sie begonnen haben, und versuchen Sie es noch einmal.',
  back: 'Zurück zu {host}',
}

const frWarning =
  'Si quelqu’un vous a envoyé le lien qui mène ici, cette personne cherche peut-être à accéder à vos données. Elle n’a obtenu aucun accès. ' +
  'Si vous avez autorisé quelque chose, révoquez-le sur le serveur où vous l’avez autorisé.'

const fr: CallbackMessages = {
  lang: 'fr',
  dir: 'ltr',
  titles: {
    allowed: 'C’est fait',
    denied: 'Rien n’a été autorisé',
    failed: 'Cela n’a pas fonctionné',
    refused: 'Veuillez recommencer',
  },
  texts: {
    allowed: 'L’agent a reçu votre accord et peut continuer.',
    denied: 'Vous avez refusé cette demande ; elle n’a donné aucun accès à l’agent.',
    failed: 'Vous avez pris votre décision, mais l’agent n’a pas pu terminer la demande.',
  },
  refusals: {
    unknown: 'Aucune demande n’attend cette réponse. Elle a déjà été utilisée ou elle a expiré.',
    no_owner: `L’agent ne reconnaît pas ce navigateur, la réponse n’a donc pas été utilisée. ${frWarning}`,
    other_owner: `Cette demande a commencé dans un autre navigateur, la réponse n’a donc pas été utilisée. ${frWarning}`,
    other_server: 'Cette réponse vient d’un serveur inattendu.',
    malformed: 'Dans cette réponse, des paramètres sont absents, en double ou contradictoires.',
    other_user:
      'Cet agent agit pour quelqu’un d’autre, votre accord n’a donc pas été enregistré. Révoquez-le sur le serveur où vous l’avez donné.',
  },
  close: 'Vous pouvez fermer cette page et retourner là où vous avez commencé.',
  again: 'Retournez là où vous avez commencé et réessayez.',
  back: 'Retour à {host}',
}

const esWarning =
  'Si alguien te envió el enlace que te trajo aquí, quizá intente acceder a tus datos. No ha obtenido ningún acceso. ' +
  'Si has permitido algo, revócalo en el servidor donde lo permitiste.'

const es: CallbackMessages = {
  lang: 'es',
  dir: 'ltr',
  titles: {
    allowed: 'Listo',
    denied: 'No se ha permitido nada',
    failed: 'No ha funcionado',
    refused: 'Empieza de nuevo',
  },
  texts: {
    allowed: 'El agente ha recibido tu autorización y puede continuar.',
    denied: 'Has rechazado esta solicitud, así que no le ha dado ningún acceso al agente.',
    failed: 'Has tomado una decisión, pero el agente no ha podido completar la solicitud.',
  },
  refusals: {
    unknown: 'Ninguna solicitud espera esta respuesta. Ya se ha usado o ha caducado.',
    no_owner: `El agente no reconoce este navegador, así que la respuesta no se ha usado. ${esWarning}`,
    other_owner: `Esta solicitud se inició en otro navegador, así que la respuesta no se ha usado. ${esWarning}`,
    other_server: 'Esta respuesta viene de un servidor inesperado.',
    malformed: 'En esta respuesta faltan parámetros, o están repetidos o se contradicen.',
    other_user:
      'Este agente actúa por otra persona, así que tu autorización no se ha guardado. Revócala en el servidor donde la diste.',
  },
  close: 'Puedes cerrar esta página y volver a donde empezaste.',
  again: 'Vuelve a donde empezaste e inténtalo de nuevo.',
  back: 'Volver a {host}',
}

const jaWarning =
  '誰かが送ったリンクからここに来た場合、その人はあなたのデータにアクセスしようとしている可能性があります。その人はアクセスできていません。' +
  '何かを許可した場合は、許可したサーバーで取り消してください。'

const ja: CallbackMessages = {
  lang: 'ja',
  dir: 'ltr',
  titles: {
    allowed: '完了しました',
    denied: '何も許可されませんでした',
    failed: '完了できませんでした',
    refused: 'もう一度やり直してください',
  },
  texts: {
    allowed: 'エージェントはあなたの許可を受け取り、続行できます。',
    denied: 'このリクエストは拒否されたため、エージェントにアクセスは許可されませんでした。',
    failed: '回答していただきましたが、エージェントはリクエストを完了できませんでした。',
  },
  refusals: {
    unknown: 'この応答を待っているリクエストはありません。すでに使用されたか、期限が切れています。',
    no_owner: `エージェントがこのブラウザを確認できないため、応答は使用されませんでした。${jaWarning}`,
    other_owner: `このリクエストは別のブラウザで開始されたため、応答は使用されませんでした。${jaWarning}`,
    other_server: 'この応答は、想定外のサーバーから送られました。',
    malformed: 'この応答のパラメーターに、不足、重複、または矛盾があります。',
    other_user:
      'このエージェントは別の人の代わりに動作しているため、あなたの許可は保存されませんでした。許可したサーバーで取り消してください。',
  },
  close: 'このページを閉じて、開始した場所に戻ってかまいません。',
  again: '開始した場所に戻って、もう一度お試しください。',
  back: '{host}に戻る',
}

const arWarning =
  'إذا أرسل إليك أحد الرابط الذي أوصلك إلى هنا، فربما يحاول الوصول إلى بياناتك. لم يحصل على أي وصول. ' +
  'وإذا كنت قد سمحت بشيء، فألغِه في الخادم الذي سمحت به فيه.'

const ar: CallbackMessages = {
  lang: 'ar',
  dir: 'rtl',
  titles: { allowed: 'تم الأمر', denied: 'لم يُسمح بشيء', failed: 'لم ينجح الأمر', refused: 'ابدأ من جديد' },
  texts: {
    allowed: 'وصلت موافقتك إلى الوكيل، وسيتابع عمله.',
    denied: 'رفضت هذا الطلب، فلم يُمنح الوكيل أي وصول.',
    failed: 'اتخذت قرارك، لكن الوكيل لم يتمكن من إكمال الطلب.',
  },
  refusals: {
    unknown: 'لا يوجد طلب ينتظر هذه الإجابة. إما أنها استُخدمت من قبل، أو انتهى وقتها.',
    no_owner: `لا يعرف الوكيل هذا المتصفح، لذلك لم تُستخدم الإجابة. ${arWarning}`,
    other_owner: `بدأ هذا الطلب في متصفح آخر، لذلك لم تُستخدم الإجابة. ${arWarning}`,
    other_server: 'لم تأتِ هذه الإجابة من الخادم الذي سُئل.',
    malformed: 'في هذه الإجابة أجزاء ناقصة أو مكررة أو متعارضة.',
    other_user: 'يتصرف هذا الوكيل نيابةً عن شخص آخر، لذلك لم يُحفظ ما سمحت به. ألغِه في الخادم الذي سمحت به فيه.',
  },
  close: 'يمكنك إغلاق هذه الصفحة والعودة إلى البرنامج أو التطبيق الذي بدأت منه.',
  again: 'عُد إلى البرنامج أو التطبيق الذي بدأت منه وحاول مرة أخرى.',
  back: 'العودة إلى {host}',
}

/** Returns the messages in whichever of these languages the browser prefers. */
export function chooseCallbackMessages(acceptLanguage: string | null): CallbackMessages {
  return chooseLanguage(acceptLanguage, [en, de, fr, es, ja, ar])
}
