import { chooseLanguage } from '../lib/choose-language.js'

/** The text of the chat agent's pages, in one language. Arguments are HTML. */
export interface ChatMessages {
  lang: string
  dir: 'ltr' | 'rtl'
  question: string
  acts: (agent: string, name: string, place: string) => string
  onlyYou: (name: string, place: string) => string
  yes: string
  oneMore: string
  connects: (agent: string, name: string, place: string) => string
  typeThem: (place: string) => string
  startAgain: string
  /** Why there is nothing to continue with. */
  closed: { tooLate: string; elsewhere: string; noConsent: string }
}

const en: ChatMessages = {
  lang: 'en',
  dir: 'ltr',
  question: 'Is that you?',
  acts: (agent, name, place) => `${agent} will act for ${name} in ${place}, with access to <em>your</em> data.`,
  onlyYou: (name, place) =>
    `Continue only if you are ${name}, and have just asked for this link in ${place}. If someone else sent you the link, close this page: they want access to your data.`,
  yes: 'Yes, that’s me',
  oneMore: 'One more step',
  connects: (agent, name, place) => `These digits connect ${agent} for ${name} in ${place}. Is that you?`,
  typeThem: (place) =>
    `Type them in your chat with the bot in ${place}, within ten minutes. Never tell them to anyone, and type them nowhere else: anyone who has them may get access to your data. If this is not you, close this page, and nothing is connected.`,
  startAgain: 'Please start again',
  closed: {
    tooLate: 'This link was already used, or has expired. Ask the bot for a new one.',
    elsewhere: 'This did not come from the bot’s own page. Open the link that the bot sent you.',
    noConsent: 'The bot could not ask for access right now. Ask it for a new link later.',
  },
}

const de: ChatMessages = {
  lang: 'de',
  dir: 'ltr',
  question: 'Sind Sie das?',
  acts: (agent, name, place) => `${agent} wird für ${name} in ${place} handeln, mit Zugriff auf <em>Ihre</em> Daten.`,
  onlyYou: (name, place) =>
    `Fahren Sie nur fort, wenn Sie ${name} sind und gerade in ${place} um diesen Link gebeten haben. Wenn Ihnen jemand anderes den Link geschickt hat, schließen Sie diese Seite: Diese Person will Zugriff auf Ihre Daten.`,
  yes: 'Ja, das bin ich',
  oneMore: 'Noch ein Schritt',
  connects: (agent, name, place) => `Diese Ziffern verbinden ${agent} für ${name} in ${place}. Sind Sie das?`,
  typeThem: (place) =>
    `Geben Sie sie innerhalb von zehn Minuten in Ihren Chat mit dem Bot in ${place} ein. Teilen Sie sie niemals jemandem mit und geben Sie sie nirgendwo sonst ein: Wer sie hat, kann Zugriff auf Ihre Daten bekommen. Wenn Sie das nicht sind, schließen Sie diese Seite. Dann wird nichts verbunden.`,
  startAgain: 'Bitte beginnen Sie neu',
  closed: {
    tooLate: 'Dieser Link wurde schon verwendet oder ist abgelaufen. Bitten Sie den Bot um einen neuen.',
    elsewhere: 'Das kam nicht von der eigenen Seite des Bots. Öffnen Sie den Link, den der Bot Ihnen geschickt hat.',
    noConsent: 'Der Bot konnte gerade nicht um Zugriff bitten. Bitten Sie ihn später um einen neuen Link.',
  },
}

const fr: ChatMessages = {
  lang: 'fr',
  dir: 'ltr',
  question: 'Est-ce bien vous ?',
  acts: (agent, name, place) => `${agent} agira pour ${name} dans ${place}, avec accès à <em>vos</em> données.`,
  onlyYou: (name, place) =>
    `Ne continuez que si vous êtes ${name} et venez de demander ce lien dans ${place}. Si quelqu’un d’autre vous a envoyé le lien, fermez cette page : cette personne veut accéder à vos données.`,
  yes: 'Oui, c’est moi',
  oneMore: 'Encore une étape',
  connects: (agent, name, place) => `Ces chiffres connectent ${agent} pour ${name} dans ${place}. Est-ce bien vous ?`,
  typeThem: (place) =>
    `Saisissez-les dans votre conversation avec le bot dans ${place}, dans les dix minutes. Ne les communiquez jamais à personne et ne les saisissez nulle part ailleurs : toute personne qui les possède peut obtenir l’accès à vos données. Si ce n’est pas vous, fermez cette page, et rien ne sera connecté.`,
  startAgain: 'Veuillez recommencer',
  closed: {
    tooLate: 'Ce lien a déjà été utilisé ou a expiré. Demandez-en un nouveau au bot.',
    elsewhere: 'Cela ne venait pas de la page du bot lui-même. Ouvrez le lien que le bot vous a envoyé.',
    noConsent: 'Le bot n’a pas pu demander l’accès pour le moment. Demandez-lui un nouveau lien plus tard.',
  },
}

const es: ChatMessages = {
  lang: 'es',
  dir: 'ltr',
  question: '¿Eres tú?',
  acts: (agent, name, place) => `${agent} actuará por ${name} en ${place}, con acceso a <em>tus</em> datos.`,
  onlyYou: (name, place) =>
    `Continúa solo si eres ${name} y acabas de pedir este enlace en ${place}. Si otra persona te ha enviado el enlace, cierra esta página: quiere acceder a tus datos.`,
  yes: 'Sí, soy yo',
  oneMore: 'Un paso más',
  connects: (agent, name, place) => `Estas cifras conectan ${agent} para ${name} en ${place}. ¿Eres tú?`,
  typeThem: (place) =>
    `Escríbelas en tu chat con el bot en ${place}, en un plazo de diez minutos. No se las digas nunca a nadie ni las escribas en ningún otro sitio: quien las tenga puede obtener acceso a tus datos. Si no eres tú, cierra esta página y no se conectará nada.`,
  startAgain: 'Empieza de nuevo',
  closed: {
    tooLate: 'Este enlace ya se ha usado o ha caducado. Pide uno nuevo al bot.',
    elsewhere: 'Esto no venía de la página del propio bot. Abre el enlace que te ha enviado el bot.',
    noConsent: 'El bot no ha podido solicitar acceso en este momento. Pídele un enlace nuevo más tarde.',
  },
}

const ja: ChatMessages = {
  lang: 'ja',
  dir: 'ltr',
  question: 'ご本人ですか？',
  acts: (agent, name, place) =>
    `${agent}が${place}の${name}のために操作します。その際、<em>あなたの</em>データにアクセスします。`,
  onlyYou: (name, place) =>
    `あなたが${name}で、今${place}でこのリンクを求めた場合にだけ、続けてください。ほかの人からリンクが送られてきた場合は、このページを閉じてください。その人は、あなたのデータにアクセスしようとしています。`,
  yes: 'はい、本人です',
  oneMore: 'あと 1 ステップです',
  connects: (agent, name, place) => `この数字で、${agent}を${place}の${name}に接続します。ご本人ですか？`,
  typeThem: (place) =>
    `10 分以内に、${place}のボットとのチャットに入力してください。決して人に教えたり、ほかの場所に入力したりしないでください。数字を持つ人は誰でも、あなたのデータにアクセスできるおそれがあります。ご本人でない場合は、このページを閉じてください。何も接続されません。`,
  startAgain: 'もう一度始めてください',
  closed: {
    tooLate: 'このリンクはすでに使われたか、期限が切れています。ボットに新しいリンクを求めてください。',
    elsewhere: 'これはボット自身のページから送られたものではありません。ボットから送られたリンクを開いてください。',
    noConsent: 'ボットは現在アクセスを求めることができませんでした。後で新しいリンクを求めてください。',
  },
}

const ar: ChatMessages = {
  lang: 'ar',
  dir: 'rtl',
  question: 'هل هذا أنت؟',
  acts: (agent, name, place) =>
    `سيعمل ${agent} نيابةً عن ${name} في ${place}، مع إمكانية الوصول إلى بياناتك <em>أنت</em>.`,
  onlyYou: (name, place) =>
    `لا تتابع إلا إذا كنت أنت ${name} وقد طلبت هذا الرابط للتو في ${place}. إذا أرسل إليك شخص آخر هذا الرابط، فأغلق هذه الصفحة: فهو يريد الوصول إلى بياناتك.`,
  yes: 'نعم، هذا أنا',
  oneMore: 'خطوة واحدة أخرى',
  connects: (agent, name, place) => `تربط هذه الأرقام ${agent} من أجل ${name} في ${place}. هل هذا أنت؟`,
  typeThem: (place) =>
    `اكتبها في محادثتك مع البوت في ${place} خلال عشر دقائق. لا تخبر بها أحدًا أبدًا، ولا تكتبها في أي مكان آخر: من لديه هذه الأرقام قد يحصل على وصول إلى بياناتك. إذا لم يكن هذا أنت، فأغلق هذه الصفحة، ولن يُربط شيء.`,
  startAgain: 'ابدأ من جديد',
  closed: {
    tooLate: 'استُخدم هذا الرابط من قبل أو انتهت صلاحيته. اطلب رابطًا جديدًا من البوت.',
    elsewhere: 'لم يأتِ هذا من صفحة البوت نفسه. افتح الرابط الذي أرسله إليك البوت.',
    noConsent: 'لم يتمكن البوت من طلب الوصول الآن. اطلب منه رابطًا جديدًا لاحقًا.',
  },
}

/** Returns the messages in the language that the browser prefers. */
export function chooseChatMessages(request: Request): ChatMessages {
  return chooseLanguage(request.headers.get('accept-language'), [en, de, fr, es, ja, ar])
}
