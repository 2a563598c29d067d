import type { enBlocks, enConsent } from '../en/consent.js'
import { phrase } from '../parts/phrase.js'
import { arCounted, arDuration } from './formats.js'

const otherServices = {
  one: 'خدمة أخرى',
  two: 'خدمتين أخريين',
  few: '# خدمات أخرى',
  many: '# خدمة أخرى',
  other: '# خدمة أخرى',
}

/** The text of the consent page, in Arabic. */
export const arConsent: typeof enConsent = {
  duration: arDuration,

  allowTitle: (agentHost) => `السماح للوكيل ${agentHost}؟`,
  allowQuestion: (agent, resource) => phrase`هل تسمح للوكيل ${agent} بالوصول إلى ${resource} نيابةً عنك؟`,
  allowSignIn: (agent) => phrase`هل تسمح للوكيل ${agent} بتسجيل دخولك إليه بحسابك هنا؟`,
  allowOwn: (agent) => phrase`هل تسمح للوكيل ${agent} بتسجيل دخولك إليه بحسابك هنا وبالوصول إلى خدمته نيابةً عنك؟`,
  whoAsks: 'من يطلب',
  callsItself: (name) => phrase`يسمّي نفسه ${name}`,
  noName: 'لا يذكر هذا الوكيل اسمًا.',
  comesFrom: (agent) => phrase`هذا الطلب صادر فعلًا عن ${agent}.`,
  publishedBy: (agent) => phrase`تفاصيله ينشرها ${agent}. لا شيء يثبت أن هذا الطلب صادر من هناك.`,
  registeredBy: {
    operator: 'سجّله مشغّل هذا الخادم. لا شيء يثبت أن هذا الطلب صادر عن هذا الوكيل.',
    itself: 'سجّل نفسه هنا كما يمكن لأي برنامج أن يفعل، فلا أحد يشهد له ولا لاسمه.',
  },
  comesFromCopy: (agent, name) =>
    phrase`هذا الطلب صادر عن نسخة من ${agent}، مثل تطبيق أو خادم، يسمّيها ${agent} ${name} ويشهد لها.`,
  copyOf: (agent, name) => phrase`${agent} (النسخة ${name})`,
  notChecked: {
    nothing: 'لم نتحقق ممن يديره.',
    name: 'لم نتحقق من اسمه ولا ممن يديره.',
    logo: 'لم نتحقق من شعاره ولا ممن يديره.',
    nameAndLogo: 'لم نتحقق من اسمه ولا من شعاره ولا ممن يديره.',
  },
  resourceCallsItself: (resource, name) => phrase`يسمّي ${resource} نفسه ${name}، ولم نتحقق من هذا الاسم.`,
  firstTime: 'هذه أول مرة يطلب فيها هذا الوكيل منك شيئًا.',
  requestedBefore: 'سبق أن طلب منك هذا الوكيل شيئًا.',
  asked: (ago) => phrase`طُلب ${ago}.`,
  code: (code) => phrase`إذا عُرض عليك رمز، فيجب أن يكون ${code}.`,
  allowedBefore: (day) => phrase`سمحت لهذا الوكيل في ${day}.`,
  allowedOtherCopy: (day) => phrase`سمحت لهذا الوكيل في ${day}، لكن ليس لهذه النسخة منه.`,
  allowedOnlyCopy: (day) => phrase`سمحت لنسخة من هذا الوكيل في ${day}، لكن ليس للوكيل نفسه.`,
  asksForMore: 'وهو الآن يطلب المزيد.',
  changed: 'تغيّر شيء في هذا الوكيل منذ آخر مرة سمحت له فيها:',
  changedForOthers: 'تغيّر شيء في هذا الوكيل منذ آخر مرة سمح له فيها شخص آخر:',
  changes: {
    keys: 'يستخدم مفتاحًا جديدًا.',
    redirect_host: 'يرسلك الآن إلى عنوان مختلف.',
    name: 'له اسم جديد.',
    unnamed: 'لم يعد يذكر اسمًا له.',
  },
  before: (value) => phrase`سابقًا: ${value}`,
  saysNothing: (agent) => phrase`لا يذكر ${agent} اسمًا وليس له موقع ويب، فكن حذرًا للغاية.`,
  lookAlike: (agent) =>
    phrase`انتبه جيدًا: ${agent} يمثّل عنوانًا فيه حروف من خارج الأبجدية اللاتينية الأساسية. يمكن بحروف كهذه تقليد عنوان تعرفه.`,
  claims: {
    brand: (brand, agent) => phrase`«${brand}» اسم يثق به الناس، لكن ${agent} ليس من عناوينه التي نعرفها.`,
    address: (address, agent) => phrase`يبدو اسمه كأنه العنوان ${address}، لكن الطلب صادر عن ${agent}.`,
    imitation: 'قد يبدو اسمه كأنه رسالة منّا، وهو ليس كذلك: اختاره الوكيل بنفسه، ولم نتحقق منه.',
  },

  details: 'التفاصيل',
  detailsAndNot: 'التفاصيل، وما لن يستطيع فعله',
  detailAgent: 'الوكيل',
  detailDelegate: 'نسخة الوكيل (جهاز أو مثيل)',
  detailKey: 'بصمة المفتاح',
  detailResource: 'إلى أين يصل',
  detailPermissions: 'الأسماء التقنية لما سيستطيع فعله',
  detailCall: 'ما تسمح به «هذه المرة فقط» تحديدًا',
  detailRedirect: 'إلى أين تذهب بعد ذلك',
  agentLinks: 'صفحات الوكيل نفسه، ولم نتحقق منها. تُفتح في علامة تبويب جديدة.',
  homepage: 'الصفحة الرئيسية',
  policy: 'سياسة الخصوصية',
  terms: 'شروط الاستخدام',

  able: 'ما سيستطيع فعله',
  ableNothing: (resource) => phrase`لا يقدّم ${resource} قائمة.`,
  noDescription: (resource) => phrase`لا يقدّم ${resource} وصفًا`,
  identity: {
    openid: 'التعرف عليك عندما تعود',
    profile: 'رؤية اسمك واسم المستخدم الخاص بك',
    email: 'رؤية عنوان بريدك الإلكتروني',
  },
  noValue: 'لم تُدخله بعد',
  withheld: 'مطلوب، لكننا لن نرسله',
  risks: { read: 'قراءة', change: 'تغيير', delete: 'حذف', spend: 'إنفاق', control: 'تحكم كامل' },
  isNew: 'جديد',
  kept: 'ولا يزال بإمكانه:',
  leftOut: 'أزلت هذا منذ وقت قصير، لذلك يبقى مُزالًا:',
  notAble: 'ما لن يستطيع فعله',
  notSeePassword: 'رؤية كلمة مرورك',
  notGetPassword: 'الحصول على كلمة مرورك منا',
  notRequested: 'لم يُطلب',
  notElsewhere: 'الوصول إلى خدماتك الأخرى',
  alreadyElsewhere: (services, myAgents) => phrase`يمكنه بالفعل الوصول إلى ${services} (انظر ${myAgents}).`,
  alreadySignsIn: (myAgents) => phrase`يمكنه بالفعل تسجيل دخولك (انظر ${myAgents}).`,
  moreServices: (count) => arCounted(count, otherServices),
  howLong: 'لأي مدة',
  untilRemoved: 'حتى أزيله',
  once: 'هذه المرة فقط',
  onceAllows: (call, seconds) =>
    phrase`«هذه المرة فقط» تسمح بهذا وحده: ${call}، مرة واحدة، خلال ${arDuration(seconds)}.`,
  onceSends: 'ولا يمكن تغيير ما يُرسَل معه، لكننا لا نراه.',
  askedAgain: 'سنسألك مجددًا عندما تربط هذا الوكيل في المرة القادمة.',
  whileAway: 'يمكنه استخدام هذا وأنت غائب.',
  removeIn: (myAgents) => phrase`يمكنك إزالته في أي وقت من ${myAgents}.`,
  worksOn: (seconds) => `وقد يستمر في العمل بعد ذلك لمدة تصل إلى ${arDuration(seconds)}.`,
  myAgents: 'وكلائي',

  loopback: (port) =>
    phrase`ستُرسل إجابتك إلى تطبيق على هذا الجهاز (المنفذ ${port}). لا تتابع إلا إذا كنت قد شغّلته بنفسك للتو.`,
  bearer: 'هذا الوصول غير مرتبط ببرنامج واحد: يمكن لأي شخص ينسخه أن يستخدمه حتى ينتهي.',
  anyProgram: (port) =>
    phrase`سيحصل على هذا برنامج على الكمبيوتر الذي أمامك (المنفذ ${port}). لا تسمح به إلا إذا كنت قد شغّلته هناك الآن. إذا طلب منك أحد نسخ عنوان من هذا المتصفح، فلا تفعل: فهو يحتوي على الوصول.`,
  elsewhere: (redirect, agent) =>
    phrase`ستُرسل إجابتك إلى ${redirect}، وهو عنوان مختلف عن ${agent}. لا تتابع إلا إذا كنت تتوقع ذلك.`,
  toldToOpen: (deny) =>
    phrase`هل طلبت للتو شيئًا من هذا الوكيل؟ إذا طلب منك شخص أو رسالة أو مكالمة هاتفية فتح هذه الصفحة، فاختر ${deny}.`,
  dangerous: (agent, what) =>
    phrase`بهذا الإذن قد يستطيع ${agent} ${what}. لا تسمح بذلك إلا إذا كنت تعرف لماذا يحتاج إليه.`,
  dangers: { delete: 'أن يحذف أشياء', spend: 'أن ينفق مالك', control: 'أن يتولى التحكم الكامل' },
  passkeyAgain: 'لتسمح بهذا، أكّد باستخدام مفتاح المرور.',
  passkeyNeeded: 'لا يدعم هذا المتصفح مفاتيح المرور. افتح الطلب في متصفح يدعمها.',
  passwordAgain: 'لتسمح بهذا، أدخل كلمة المرور مرة أخرى.',
  deny: 'عدم السماح',
  allow: 'السماح',
  goBackTo: (redirect) => phrase`ستعود إلى ${redirect}`,
  goOnTo: (redirect) => phrase`ستنتقل إلى ${redirect}`,
  endsAt: (time) => phrase`ينتهي هذا الطلب الساعة ${time}.`,
  endsSoon: (time) => phrase`ينتهي هذا الطلب قريبًا، الساعة ${time}. يمكنك طلب مزيد من الوقت.`,
  extend: 'أحتاج إلى مزيد من الوقت',
}

/** The text of the parts of the consent page that an edition may fill, and of the page for codes, in Arabic. */
export const arBlocks: typeof enBlocks = {
  comesFromAgent: (id, provider) => phrase`هذا الطلب صادر عن ${id}، ويشهد له ${provider}.`,
  detailAgentId: 'الاسم الكامل للوكيل',
  allowedOther: (day, provider) => phrase`سمحت لوكيل آخر من ${provider} في ${day}، لكن ليس لهذا الوكيل.`,
  enrolment: 'هذا الوكيل جديد هنا',
  enrols: (id) => phrase`إذا سمحت بهذا، فسيتصرف ${id} نيابةً عنك وحدك من الآن فصاعدًا، إلى أن تزيله من «وكلائي».`,
  agentSays: (id) => phrase`ما يقوله ${id}`,
  agentSaysUnchecked: 'كتب الوكيل هذا، ولم نتحقق منه.',
  platform: 'يعمل على',
  platforms: {
    web: 'موقع ويب',
    mobile: 'هاتف أو جهاز لوحي',
    desktop: 'حاسوب',
    workload: 'خادم',
    'self-hosted': 'خادم خاص بمستخدمه',
  },
  device: 'يسمّي جهازه',
  resourceSays: (resource) => phrase`ما يقوله ${resource}`,
  account: 'حسابك هناك',
  resourceUnreachable: (resource) => phrase`تعذّرت قراءة ما ينشره ${resource} عن نفسه، فلا نعرف سوى عنوانه.`,
  needs: {
    identity: (resource) =>
      phrase`يقول إن الوكيل الذي يتصرف نيابةً عنك لا يحتاج إلى إذن آخر: ${resource} هو من يقرر ما يمكن للوكيل فعله.`,
    permission: (resource) =>
      phrase`يقول إن الوكيل يحتاج أيضًا إلى إذنك لما يفعله هناك، فقد نسألك مرة أخرى عن ${resource}.`,
  },
  actAs: 'التصرف هناك كأنه أنت، بقدر ما تتيحه تلك الخدمة من دون أن تسألك مرة أخرى',
  sameCode: 'السماح، الرمز نفسه',
  compareCode: (deny) => phrase`يعرض البرنامج الذي أرسل الطلب رمزًا. إذا لم يكن مطابقًا لهذا الرمز، فاختر ${deny}.`,
  enterCode: 'أدخل الرمز',
  enterCodeReason: 'يعرض البرنامج الذي يطلب منك الإذن رمزًا من اثني عشر حرفًا ورقمًا.',
  codeLabel: 'الرمز',
  wrongCode: 'هذا الرمز لا يعمل. تأكد منه، أو ابدأ من جديد من البرنامج الذي عرضه. بضعة رموز خاطئة تُنهي الطلب.',
}
