// What mdBook's own page lacks for keyboards and screen readers. Without scripts the book is whole.
'use strict';

// The switch of the table of contents is a label: a button for those who do not click.
(() => {
  const toggle = document.getElementById('mdbook-sidebar-toggle');
  if (!toggle) return;
  toggle.setAttribute('role', 'button');
  toggle.tabIndex = 0;
  toggle.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    toggle.click();
  });
})();

// Whatever scrolls sideways can be reached and scrolled by keyboard.
(() => {
  const reach = () => {
    for (const box of document.querySelectorAll('pre > code, .table-wrapper')) {
      const scrolls = box.scrollWidth > box.clientWidth;
      if (scrolls) box.tabIndex = 0;
      else box.removeAttribute('tabindex');
    }
  };
  reach();
  window.addEventListener('load', reach);
  window.addEventListener('resize', reach);
  document.fonts?.ready.then(reach);
})();
