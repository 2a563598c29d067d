import { arAccount } from './ar-account.js'
import { arCounted, arDuration, arFormats, arLocale } from './ar-duration.js'
import { arProblems } from './ar-problems.js'
import type { Messages } from './messages.js'
import { phrase } from './phrase.js'

const characters = { one: 'حرف واحد', two: 'حرفين', few: 'أحرف', many: 'حرفًا', other: 'حرف' }
const others = { one: 'إذن آخر', two: 'إذنان آخران', few: 'أذونات أخرى', many: 'إذنًا آخر', other: 'إذن آخر' }

/** The pages in Arabic. */
export const ar: Messages = {
  lang: 'ar',
  dir: 'rtl',
  languageName: 'العربية',
  locale: arLocale,

  duration: arDuration,
  number: arFormats.number,
  timeOfDay: (unixSeconds) => `${arFormats.timeOfDay(unixSeconds)} بتوقيت UTC`,
  day: arFormats.day,
  dayAndTime: (unixSeconds, now) => `${arFormats.dayAndTime(unixSeconds, now)} بتوقيت UTC`,

  title: (page, serverName) => `${page} – ${serverName}`,
  errorTitle: (title) => `خطأ: ${title}`,
  theAgent: 'الوكيل',
  quoted: (words) => phrase`«${words}»`,

  signIn: 'تسجيل الدخول',
  signInHeading: (server) => phrase`تسجيل الدخول إلى ${server}`,
  signInReason: (agent, resource) => phrase`يطلب ${agent} أن يتصرف نيابةً عنك لدى ${resource}.`,
  signInForAgent: (agent) => phrase`يطلب ${agent} تسجيل دخولك إليه بحسابك هنا.`,
  signInNext: 'سجّل الدخول لترى ما يطلبه. لن يُسمح بشيء قبل أن توافق.',
  userName: 'اسم المستخدم',
  password: 'كلمة المرور',
  passwordStays: (server, agent) => phrase`لا يرى كلمة مرورك إلا ${server}، ولا يراها ${agent} أبدًا.`,
  signInProblems: {
    wrong_password: 'اسم المستخدم أو كلمة المرور غير صحيحة. حاول مرة أخرى.',
    throttled: 'محاولات كثيرة جدًا. انتظر بضع دقائق، ثم حاول مرة أخرى.',
    provider_failed: 'لم ينجح تسجيل الدخول هناك. حاول مرة أخرى، أو استخدم كلمة المرور هنا.',
    provider_denied: 'أوقفت تسجيل الدخول هناك. لم يتغيّر شيء.',
    provider_expired: 'استغرق تسجيل الدخول هناك وقتًا طويلًا. حاول مرة أخرى.',
    provider_not_fresh:
      'لم نُبلَّغ بأنك سجّلت الدخول هناك الآن. سجّل الخروج هناك وحاول مرة أخرى، أو سجّل الدخول بطريقة أخرى.',
    account_disabled: 'حسابك هنا موقوف. اسأل القائمين على هذا الخادم.',
    passkey_failed: 'لم ينجح تسجيل الدخول بمفتاح المرور. حاول مرة أخرى، أو استخدم كلمة المرور.',
  },
  throttledFor: (seconds) => `محاولات كثيرة جدًا. حاول مرة أخرى بعد ${arDuration(seconds)}.`,
  passwordProblems: {
    wrong_password: 'كلمة المرور غير صحيحة. حاول مرة أخرى.',
    throttled: 'محاولات كثيرة جدًا. انتظر بضع دقائق، ثم حاول مرة أخرى.',
  },
  showPassword: 'إظهار كلمة المرور',
  showPasswords: 'إظهار كلمتي المرور',
  signInToAccount: 'سجّل الدخول لترى الوكلاء الذين يمكنهم التصرف نيابةً عنك.',
  signInAgain: {
    request: 'يمكنه أن يحذف أو ينفق، لذلك سجّل الدخول مرة أخرى قبل أن تقرر.',
    security: 'قبل أن تغيّر طريقة حماية حسابك، سجّل الدخول مرة أخرى.',
  },
  otherWays: 'طرق أخرى لتسجيل الدخول',
  signInWith: (provider) => phrase`تسجيل الدخول عبر ${provider}`,
  signInWithPasskey: 'تسجيل الدخول بمفتاح مرور',
  usePasskey: 'استخدام مفتاح مرور بدلًا منها',
  passkeyStopped: 'لم ينجح ذلك، ولم يتغير شيء. حاول مرة أخرى.',
  noAccount: (link) => phrase`ليس لديك حساب بعد؟ ${link}`,

  signUp: 'إنشاء حساب',
  signUpHeading: (server) => phrase`إنشاء حساب لدى ${server}`,
  signUpReason: 'بحسابك تقرر أنت أي الوكلاء يمكنهم التصرف نيابةً عنك.',
  signUpNext: 'بعد إنشاء حساب ترى ما يطلبه. لن يُسمح بشيء قبل أن توافق.',
  email: 'البريد الإلكتروني',
  optional: 'اختياري',
  userNameHint: 'حروف وأرقام ونقاط وشرطات.',
  emailHint: 'لا يراه أي وكيل إلا إذا سمحت بذلك.',
  newPassword: 'كلمة المرور الجديدة',
  passwordHint: (minimum) => `لا تقل عن ${arCounted(minimum, characters)}. بضع كلمات متتالية خيار جيد.`,
  signUpProblems: {
    username_taken: 'اسم المستخدم هذا لشخص آخر. اختر غيره.',
    username_invalid: 'في اسم المستخدم رموز لا يمكننا قبولها. استخدم حروفًا وأرقامًا ونقاطًا وشرطات.',
    email_invalid: 'لا يبدو هذا عنوان بريد إلكتروني. تأكد منه، أو اترك الحقل فارغًا.',
    password_too_short: 'كلمة المرور هذه قصيرة جدًا. اختر كلمة أطول.',
    password_too_long: 'كلمة المرور هذه طويلة جدًا. اختر كلمة أقصر.',
    password_common: 'يستخدم كثيرون كلمة المرور هذه، فمن السهل تخمينها. اختر غيرها.',
    throttled: 'محاولات كثيرة جدًا. انتظر بضع دقائق، ثم حاول مرة أخرى.',
  },
  haveAccount: (link) => phrase`لديك حساب بالفعل؟ ${link}`,

  reauthenticate: 'هل هذا أنت؟',
  reauthenticateReason: 'قبل أن تغيّر طريقة حماية حسابك، اكتب كلمة المرور مرة أخرى.',
  goOn: 'متابعة',
  cancel: 'إلغاء',

  signedInAs: (user) => phrase`تم تسجيل الدخول باسم ${user}`,
  notYou: 'ليس حسابك؟',

  allowTitle: (agentHost) => `السماح للوكيل ${agentHost}؟`,
  allowQuestion: (agent, resource) => phrase`هل تسمح بأن يتصرف ${agent} نيابةً عنك لدى ${resource}؟`,
  allowSignIn: (agent) => phrase`هل تسمح للوكيل ${agent} بتسجيل دخولك بحسابك هنا؟`,
  whoAsks: 'من يطلب',
  callsItself: (name) => phrase`يسمّي نفسه ${name}`,
  noName: 'لا يذكر هذا الوكيل اسمًا له.',
  verified: 'تم التحقق',
  signedBy: (agent) => phrase`هذا الطلب موقّع من ${agent}.`,
  nameNotChecked: 'لم نتحقق من الاسم.',
  nameAndLogoNotChecked: 'لم نتحقق من الاسم ولا من الشعار.',
  logoNotChecked: 'لم نتحقق من الشعار.',
  firstTime: 'هذه أول مرة ترى فيها هذا الوكيل هنا.',
  seenBefore: 'رأيت هذا الوكيل هنا من قبل.',
  allowedBefore: (day) => phrase`سمحت لهذا الوكيل في ${day}.`,
  asksForMore: 'وهو الآن يطلب المزيد.',
  changed: 'تغيّر شيء منذ آخر مرة كان فيها هذا الوكيل هنا:',
  changedForOthers: 'تغيّر شيء منذ أن رأى أشخاص آخرون هذا الوكيل هنا:',
  changes: {
    keys: 'يوقّع بمفاتيح أخرى.',
    redirect_host: 'يرسلك إلى عنوان آخر.',
    name: 'يسمّي نفسه باسم آخر.',
  },
  before: (value) => phrase`سابقًا: ${value}`,
  saysNothing: (agent) => phrase`لا يقول ${agent} شيئًا عن نفسه، لذلك فالمعلومات هنا أقل.`,
  lookAlike: (agent) =>
    phrase`انتبه جيدًا: ${agent} مكتوب بحروف قد تشبه حروفًا أخرى. قد يستخدمها أحدهم لتقليد اسم تعرفه.`,

  details: 'التفاصيل',
  detailAgent: 'الوكيل',
  detailDelegate: 'المفوَّض',
  detailKey: 'بصمة مفتاحه',
  detailResource: 'أين سيتصرف',
  detailRedirect: 'إلى أين تذهب بعد ذلك',
  agentLinks: 'صفحات الوكيل، ولم نتحقق منها. تُفتح في علامة تبويب جديدة.',
  homepage: 'الصفحة الرئيسية',
  policy: 'سياسة الخصوصية',
  terms: 'شروط الاستخدام',

  able: 'ما سيستطيع فعله',
  ableNothing: (resource) => phrase`لا يذكر ${resource} شيئًا محددًا.`,
  noDescription: (resource) => phrase`لا يقدّم ${resource} وصفًا`,
  identity: {
    openid: 'التعرف عليك عندما تعود',
    profile: 'رؤية اسمك واسم المستخدم الخاص بك',
    email: 'رؤية عنوان بريدك الإلكتروني',
  },
  risks: { read: 'قراءة', change: 'تغيير', delete: 'حذف', spend: 'إنفاق', control: 'تحكم كامل' },
  isNew: 'جديد',
  kept: 'ويبقى مسموحًا ما سمحت به من قبل:',
  notAble: 'ما لن يستطيع فعله',
  notSignIn: 'رؤية كلمة مرورك أو تسجيل الدخول باسمك',
  notAsked: (resource) => phrase`يقدّمه ${resource} ولم يُطلب`,
  moreNotAsked: (count) => `لم يطلب أيضًا: ${arCounted(count, others)}`,
  notElsewhere: (resource) => phrase`استخدام أي شيء خارج ${resource}`,
  howLong: 'لأي مدة',
  onlyThisTask: (seconds) => `لهذه المهمة فقط – ${arDuration(seconds)}`,
  untilRemoved: 'حتى أزيله',
  whileAway: 'قد يتصرف وأنت غائب.',
  stopIn: (myAgents) => phrase`يمكنك إيقافه في أي وقت من ${myAgents}؛`,
  myAgents: 'وكلائي',
  heldRunsOut: (seconds) => `وما لديه بالفعل ينتهي خلال ${arDuration(seconds)}.`,
  runsOut: (seconds) => `ما تسمح به هنا ينتهي خلال ${arDuration(seconds)}.`,

  loopback: (redirect) =>
    phrase`لا تتابع إلا إذا بدأت هذا بنفسك. ستُرسل إجابتك إلى برنامج على هذا الجهاز، على العنوان ${redirect}.`,
  elsewhere: (redirect, agent) =>
    phrase`ستُرسل إجابتك إلى ${redirect}، وهو ليس جزءًا من ${agent}. لا تتابع إلا إذا كنت تتوقع ذلك.`,
  dangerous: (agent, what) =>
    phrase`بهذا الإذن قد يستطيع ${agent} ${what}. لا تسمح بذلك إلا إذا كنت تعرف لماذا يحتاج إليه.`,
  dangers: { delete: 'أن يحذف أشياء', spend: 'أن ينفق مالك', control: 'أن يتحكم بكل شيء' },
  passwordAgain: 'لتسمح بهذا، اكتب كلمة المرور مرة أخرى.',
  deny: 'عدم السماح',
  allow: 'السماح',
  goBackTo: (redirect) => phrase`ستعود إلى ${redirect}`,
  goOnTo: (redirect) => phrase`ستنتقل إلى ${redirect}`,
  endsAt: (time) => phrase`ينتهي هذا الطلب الساعة ${time}.`,
  endsSoon: (time) => phrase`ينتهي هذا الطلب قريبًا، الساعة ${time}. يمكنك إبقاؤه مفتوحًا مدة أطول.`,
  extend: 'إبقاؤه مفتوحًا مدة أطول',

  forbids: (agent, resource) =>
    phrase`يطلب ${agent} أن يتصرف نيابةً عنك لدى ${resource}. القائمون على هذا الخادم لا يسمحون بذلك.`,
  askContact: (contact) => phrase`إذا كنت تحتاج إليه، فاسأل ${contact}.`,
  goBack: 'رجوع',

  returnToApp: 'العودة إلى تطبيقك',
  appAllowed: (agent) => phrase`لقد سمحت للوكيل ${agent}.`,
  appDenied: (agent) => phrase`لم تسمح للوكيل ${agent}.`,
  appNext: 'التطبيق على هذا الجهاز ينتظر إجابتك. يمكنك إغلاق هذه الصفحة بعد ذلك.',

  help: 'المساعدة',
  report: 'الإبلاغ عن هذا الوكيل',
  privacy: 'الخصوصية',
  language: 'اللغة',

  account: arAccount,
  problems: arProblems,
  nowSignedInAs: (user) => phrase`تم تسجيل دخولك الآن باسم ${user}`,
  tryAgain: 'حاول مرة أخرى',
  reference: (id) => phrase`الرقم المرجعي: ${id}`,
}
