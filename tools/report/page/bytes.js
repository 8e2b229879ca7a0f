'use strict';
// Elements, numbers, bytes. Text of the file reaches the page by textContent only.

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') element.textContent = value;
    else if (name === 'class') element.className = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

const draw = (tag, attributes = {}, ...children) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') element.textContent = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

// base64 as Uint8Array.
const bytesOf = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

const withCommas = (number) => number.toLocaleString('en-US');

// At most four significant digits; what is not defined is "-".
const short = (number) => {
  if (number === null || number === undefined) return '-';
  if (typeof number === 'string') return number;  // "inf"
  if (number === 0) return '0';
  const size = Math.abs(number);
  if (Number.isInteger(number) && size < 1e6) return String(number);
  return size >= 1e-4 && size < 1e6 ? String(Number(number.toPrecision(4))) : number.toExponential(2).replace('e+', 'e');
};

const share = (part, whole) => {
  if (!part || !whole) return '0';
  const percent = 100 * part / whole;
  return percent > 99.9 && part < whole ? '>99.9%' : `${percent >= 10 ? percent.toFixed(0) : percent.toPrecision(2)}%`;
};

const inBytes = (bytes) => {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; bytes >= 1023.95 && unit + 1 < units.length; ++unit) bytes /= 1024;
  return unit === 0 ? `${bytes} bytes` : `${bytes.toFixed(1)} ${units[unit]}`;
};
