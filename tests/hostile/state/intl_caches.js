// Formatters, and what ICU keeps for them outside of V8's heap.
import { leaving } from './attack.js';

const formatters = new Map();
const locales = ['de-DE', 'fr-FR', 'ja-JP', 'ar-EG', 'hi-IN', 'ru-RU'];
export default leaving({
  look: () => {
    const text = new Intl.NumberFormat('de-DE').format(1234.5);
    if (text !== '1.234,5') return `a spoilt formatter: ${text}`;
    return formatters.size || Intl.NumberFormat.left;
  },
  leave: () => {
    for (const locale of locales) {
      formatters.set(locale, new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR' }));
      formatters.get(locale).format(1234567.8);
      new Intl.Collator(locale).compare('ä', 'z');
      new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'full' }).format(0);
    }
    Intl.NumberFormat.left = 'on a constructor of Intl';
  },
});
