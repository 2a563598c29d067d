import type { ProblemPage } from '../models/models.js'
import { type Problem, phrase } from './phrase.js'

/** What the problem pages say in Arabic. */
export const arProblems: Record<ProblemPage['code'], Problem> = {
  request_unknown: {
    heading: 'هذا الرابط لا يعمل',
    explanation: () => phrase`الرابط ناقص أو قديم جدًا أو لم يصدر عنّا.`,
    advice: (agent) => phrase`ارجع إلى ${agent} وابدأ من جديد.`,
  },
  request_expired: {
    heading: 'انتهى وقت هذا الطلب',
    explanation: () => phrase`يبقى الطلب مفتوحًا لمدة محدودة، وقد انتهت مدة هذا الطلب قبل أن يُجاب عنه.`,
    advice: (agent) => phrase`إذا كنت لا تزال تريده، فارجع إلى ${agent} وحاول مرة أخرى.`,
  },
  request_used: {
    heading: 'هذا الطلب مغلق',
    explanation: () => phrase`أُجيب عنه من قبل، أو سُحب. يُجاب عن كل طلب مرة واحدة فقط.`,
    advice: (agent) => phrase`إذا كنت لا تزال تحتاج إلى شيء، فارجع إلى ${agent} وابدأ من جديد.`,
  },
  request_allowed: {
    heading: 'تم السماح بهذا الطلب',
    explanation: () => phrase`وصلتنا الإجابة، ولا يُجاب عن الطلب إلا مرة واحدة.`,
    advice: (agent) => phrase`يمكنك إغلاق هذه الصفحة. إذا كان ${agent} لا يزال ينتظر، فابدأ من جديد من هناك.`,
    retry: 'الذهاب إلى وكلائي',
  },
  request_denied: {
    heading: 'لم يتم السماح بهذا الطلب',
    explanation: () => phrase`وصلتنا الإجابة. لم يحصل هذا الطلب على أي وصول.`,
    advice: (agent) => phrase`يمكنك إغلاق هذه الصفحة. إذا غيّرت رأيك، فابدأ من جديد من ${agent}.`,
  },
  request_other_session: {
    heading: 'أكمل من حيث بدأت',
    explanation: () =>
      phrase`لا يمكن الإجابة عن هذا الطلب إلا من المتصفح الذي فتحه أولًا، ما دام يحتفظ بملفات تعريف الارتباط.`,
    advice: () => phrase`أكمل في ذلك المتصفح، أو ابدأ من جديد من الوكيل.`,
  },
  request_other_user: {
    heading: 'لا يمكن الإجابة عن هذا إلا من حساب آخر',
    explanation: () =>
      phrase`يعمل الوكيل الذي أرسل هذا الطلب لمستخدم واحد فقط، وقد سجّلت الدخول بحساب آخر. يبقى الطلب مفتوحًا لذلك المستخدم.`,
    advice: () =>
      phrase`إذا كان الوكيل لك، فانتقل إلى الحساب الذي تستخدمه معه. وإذا أرسل إليك أحد هذا الرابط، فأغلق الصفحة.`,
  },
  request_invalid: {
    heading: 'لا يمكن استخدام هذا الطلب',
    explanation: (agent) => phrase`أرسلك ${agent} إلى هنا بطلب لا يمكننا استخدامه.`,
    advice: (agent) => phrase`ارجع إلى ${agent} ليعرف ما المشكلة.`,
  },
  client_unknown: {
    heading: 'لا يمكننا معرفة من يطلب',
    explanation: () =>
      phrase`البرنامج الذي أرسلك إلى هنا غير مسجّل لدينا، ولم نتمكن من استخدام التفاصيل التي يُفترض أن تكون منشورة عنه.`,
    advice: () => phrase`حاول مرة أخرى لاحقًا. إذا لم يساعد ذلك، فاتصل بمشغّل هذا الخادم، واذكر له المرجع أدناه.`,
  },
  redirect_mismatch: {
    heading: 'هذا الرابط لا يطابق الطلب',
    explanation: () => phrase`العنوان الذي كان سيرسلك إليه مفقود، أو ليس الذي أعطانا إياه الوكيل، فتوقفنا لحمايتك.`,
    advice: (agent) => phrase`ارجع إلى ${agent} وابدأ من جديد. إذا حدث هذا مرتين، فلا تثق بالرابط.`,
  },
  csrf: {
    heading: 'لم نستطع التأكد من أن هذا جاء منك',
    explanation: () =>
      phrase`كان النموذج قديمًا جدًا، أو لم يرسل متصفحك ملفات تعريف الارتباط، أو أرسل النموذجَ موقع آخر، فلم نستخدمه.`,
    advice: () => phrase`افتح الصفحة مرة أخرى وأجب هناك.`,
    retry: 'افتح الصفحة مرة أخرى',
  },
  account_changed: {
    heading: 'تم تسجيل دخولك الآن بحساب آخر',
    explanation: () => phrase`الصفحة التي أجبت فيها كانت لحساب آخر، فلم نستخدم إجابتك.`,
    advice: () => phrase`تابع بهذا الحساب، أو سجّل الدخول إلى الحساب الآخر.`,
  },
  sign_in_changed: {
    heading: 'تغيّر تسجيل دخولك',
    explanation: () => phrase`أثناء تنفيذ طلبك سجّلت الخروج، أو تغيّرت طريقة تسجيل دخولك، فلم نتابع.`,
    advice: () => phrase`حاول مرة أخرى. إن لم تغيّر شيئًا، فراجع صفحة الأمان في حسابك.`,
    retry: 'حاول مرة أخرى',
  },
  bad_form: {
    heading: 'شيء ما في النموذج لم يكن صحيحًا',
    explanation: () => phrase`نقص جزء منه، أو لم يكن كما نتوقع، فلم نستخدمه.`,
    advice: (agent) => phrase`افتح الصفحة مرة أخرى. إذا لم يساعد ذلك، فارجع إلى ${agent} وابدأ من جديد.`,
    retry: 'افتح الصفحة مرة أخرى',
  },
  not_found: {
    heading: 'الصفحة غير موجودة',
    explanation: () => phrase`قد يكون في العنوان خطأ، أو أن الصفحة لم تعد موجودة.`,
    advice: () => phrase`تأكد من العنوان، أو ارجع من حيث أتيت.`,
    retry: 'الذهاب إلى وكلائي',
  },
  method_not_allowed: {
    heading: 'لا يمكن فتح هذه الصفحة بهذه الطريقة',
    explanation: () => phrase`فُتحت الصفحة بطريقة لم تُصمَّم لها.`,
    advice: (agent) => phrase`ارجع إلى ${agent} وابدأ من جديد.`,
  },
  policy_forbids: {
    heading: 'لا يسمح المسؤول عن هذا الخادم بذلك',
    explanation: (agent) => phrase`ما طلبه ${agent} غير مسموح به على هذا الخادم.`,
    advice: () => phrase`إذا كنت تحتاج إليه، فاسأله وأعطه الرقم المرجعي أدناه.`,
    retry: 'رجوع',
  },
  too_many_permissions: {
    heading: 'لدى هذا الوكيل أذونات كثيرة جدًا',
    explanation: (agent) => phrase`لا يمكن منح ${agent} أكثر من 256 إذنًا مختلفًا في مكان واحد.`,
    advice: () => phrase`أزل وصوله في «وكلائي»، ثم ابدأ من جديد.`,
    retry: 'الذهاب إلى وكلائي',
  },
  too_many_requests: {
    heading: 'محاولات كثيرة جدًا',
    explanation: () => phrase`كانت هناك محاولات كثيرة في وقت قصير، لذلك ننتظر قليلًا.`,
    advice: () => phrase`انتظر بضع دقائق، ثم حاول مرة أخرى.`,
  },
  temporarily_unavailable: {
    heading: 'عذرًا، لا يمكننا الإجابة الآن',
    explanation: () => phrase`المشكلة من عندنا وليست منك.`,
    advice: () => phrase`انتظر لحظة، ثم حاول مرة أخرى.`,
  },
  server_error: {
    heading: 'عذرًا، حدث خطأ من عندنا',
    explanation: () => phrase`هذا خطأ منّا وليس منك.`,
    advice: () => phrase`حاول مرة أخرى. إذا تكرر هذا، فأعطنا الرقم المرجعي أدناه.`,
  },
}
