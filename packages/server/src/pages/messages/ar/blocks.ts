import type { enBlocks } from '../en/blocks.js'
import { phrase } from '../parts/phrase.js'

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
  compareCode: (deny) => phrase`يعرض البرنامج الذي أرسل الطلب رمزًا. إذا لم يكن مطابقًا لهذا الرمز، فاختر ${deny}.`,
  enterCode: 'أدخل الرمز',
  enterCodeReason: 'يعرض البرنامج الذي يطلب منك الإذن رمزًا من اثني عشر حرفًا ورقمًا.',
  codeLabel: 'الرمز',
  wrongCode: 'هذا الرمز لا يعمل. تأكد منه، أو ابدأ من جديد من البرنامج الذي عرضه. بضعة رموز خاطئة تُنهي الطلب.',
}
