document.getElementById('main').textContent = 'pfsim';
